package receiver;

import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.util.Base64;
import java.util.List;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/** Signature of an event, as Standard Webhooks describes it. */
final class Signature {
    static final long TOLERANCE = 300; // seconds by which the clock of Postkamer may differ

    /** Return the key in a secret: base64 after "whsec_", else the text itself. */
    static byte[] keyOf(String secret) {
        byte[] key = secret.startsWith("whsec_") ? Base64.getDecoder().decode(secret.substring(6)) : utf8(secret);
        if (key.length == 0) throw new IllegalArgumentException("a secret is empty, and anyone could sign with it");
        return key;
    }

    /** True when one signature fits one key, and the time of signing is near. */
    static boolean isValid(
            String id, String timestamp, String signatures, byte[] body, List<byte[]> keys, long now) {
        if (id == null || timestamp == null || signatures == null) return false;
        boolean found = false;
        for (byte[] key : keys) {
            byte[] expected = utf8("v1," + Base64.getEncoder().encodeToString(digest(key, id, timestamp, body)));
            for (String given : signatures.split(" ")) found |= MessageDigest.isEqual(expected, utf8(given));
        }
        return found && timestamp.matches("[0-9]{1,15}") && Math.abs(now - Long.parseLong(timestamp)) <= TOLERANCE;
    }

    private static byte[] digest(byte[] key, String id, String timestamp, byte[] body) {
        try {
            Mac mac = Mac.getInstance("HmacSHA256");
            mac.init(new SecretKeySpec(key, "HmacSHA256"));
            mac.update(utf8(id + "." + timestamp + "."));
            return mac.doFinal(body);
        } catch (GeneralSecurityException impossible) {
            throw new IllegalStateException(impossible);
        }
    }

    private static byte[] utf8(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }
}
