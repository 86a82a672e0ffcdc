package receiver;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import jakarta.servlet.http.HttpServletRequest;
import java.io.IOException;
import java.util.List;
import java.util.stream.Stream;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.http.ResponseEntity;
import org.springframework.jdbc.core.JdbcTemplate;
import org.springframework.transaction.support.TransactionTemplate;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RestController;

/** Receiver of Postkamer's events: verifies and stores an event, and only then answers. */
@SpringBootApplication
@RestController
public class Receiver {
    private static final int LARGEST = 1 << 20; // bytes of a request; an event of Postkamer has at most 64 KiB
    private static final String STORE = """
            insert into event (id, subject, sequence, body, late)
            select ?, ?, ?, ?, exists (select 1 from event where subject = ? and sequence > ?)
            where true on conflict (id) do nothing returning late""";
    private final List<byte[]> keys = Stream.of("CRM_SECRET", "CRM_SECRET_NEXT")
            .map(System::getenv).filter(secret -> secret != null && !secret.isEmpty())
            .map(Signature::keyOf).toList();
    private final ObjectMapper json = new ObjectMapper();
    private final JdbcTemplate database;
    private final TransactionTemplate transaction;

    public Receiver(JdbcTemplate database, TransactionTemplate transaction) {
        if (keys.isEmpty()) throw new IllegalStateException("CRM_SECRET is missing");
        this.database = database;
        this.transaction = transaction;
    }

    @PostMapping("/events")
    public ResponseEntity<Void> receive(HttpServletRequest request) throws IOException {
        if (request.getContentLength() < 0 || request.getContentLength() > LARGEST) return answer(413);
        byte[] body = request.getInputStream().readAllBytes();
        boolean valid = Signature.isValid(request.getHeader("webhook-id"), request.getHeader("webhook-timestamp"),
                request.getHeader("webhook-signature"), body, keys, System.currentTimeMillis() / 1000);
        if (!valid) return answer(401); // never 400: Postkamer keeps the event and warns, until the secrets agree
        String id, about;
        long sequence;
        try {
            JsonNode event = json.readTree(body), data = event.required("data");
            about = data.path("conversationId").asText(data.path("destination").asText());
            sequence = Long.parseLong(event.required("sequence").asText());
            id = event.required("id").asText();
        } catch (JsonProcessingException | IllegalArgumentException malformed) {
            return answer(400); // not an event: Postkamer parks it and goes on
        }
        System.out.println(store(id, about, sequence, body)); // if this fails, Spring answers 500: it comes again
        return answer(204);
    }

    /** Store the event once. It is "late" if a later one of its conversation was here before. */
    private String store(String id, String about, long sequence, byte[] body) {
        return transaction.execute(status -> {
            List<Integer> found = database.queryForList(
                    STORE, Integer.class, id, about, sequence, body, about, sequence);
            String outcome = found.isEmpty() ? "again" : found.get(0) == 1 ? "late" : "new";
            // Write your own tables here, in the same transaction: nothing if it is here "again"; and
            // if it is "late", the history of the conversation, but not its present state.
            return outcome + " " + sequence + " " + id;
        });
    }

    private static ResponseEntity<Void> answer(int status) {
        return ResponseEntity.status(status).build();
    }

    public static void main(String[] args) {
        SpringApplication.run(Receiver.class, args);
    }
}
