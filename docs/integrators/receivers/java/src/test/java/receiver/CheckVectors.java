package receiver;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/** Compares Signature.java with the table of signatures: needs nothing but a JDK. */
final class CheckVectors {
    public static void main(String[] args) throws IOException {
        List<String> lines = Files.readAllLines(Path.of(args[0]), StandardCharsets.UTF_8);
        int wrong = 0;
        for (String line : lines.subList(1, lines.size())) {
            String[] of = line.split("\t", -1); // case, verdict, secrets, id, timestamp, now, signatures, body
            List<byte[]> keys = Stream.of(of[2].split(" ")).map(Signature::keyOf).toList();
            byte[] body = of[7].getBytes(StandardCharsets.UTF_8);
            if (Signature.isValid(of[3], of[4], of[6], body, keys, Long.parseLong(of[5])) != of[1].equals("valid")) {
                wrong++;
                System.out.println("differs: " + of[0]);
            }
        }
        System.out.println(lines.size() - 1 + " signatures, " + wrong + " differ");
        System.exit(wrong > 0 ? 1 : 0);
    }
}
