using System.Text.Json;
using Microsoft.Data.Sqlite;

// Receiver of Postkamer's events: verifies and stores an event, and only then answers.

if (args is ["check-vectors", var vectors]) return CheckVectors.Run(vectors);

const int Largest = 1 << 20; // bytes of a request; an event of Postkamer has at most 64 KiB
const string Table = """
    create table if not exists event (
        id text primary key, subject text not null, sequence integer not null, late integer not null,
        body blob not null, arrived text not null default current_timestamp);
    create index if not exists event_subject on event (subject, sequence)
    """;
const string Insert = """
    insert into event (id, subject, sequence, body, late)
    select $id, $subject, $sequence, $body,
        exists (select 1 from event where subject = $subject and sequence > $sequence)
    where true on conflict (id) do nothing returning late
    """;
string Setting(string name, string otherwise = "") => Environment.GetEnvironmentVariable(name) ?? otherwise;
var secrets = new[] { Setting("CRM_SECRET"), Setting("CRM_SECRET_NEXT") }.Where(secret => secret != "");
var keys = secrets.Select(Signature.KeyOf).ToList();
if (keys.Count == 0) throw new InvalidOperationException("CRM_SECRET is missing");
var source = "Data Source=" + Setting("CRM_DATABASE", "events.db");

var app = WebApplication.Create(args);
app.Urls.Add("http://127.0.0.1:" + Setting("PORT", "8099"));
using (var database = new SqliteConnection(source))
{
    database.Open();
    new SqliteCommand(Table, database).ExecuteNonQuery();
}

app.MapPost("/events", async (HttpRequest request) =>
{
    if (request.ContentLength is null or > Largest) return Results.StatusCode(413);
    using var memory = new MemoryStream();
    await request.Body.CopyToAsync(memory);
    var body = memory.ToArray();
    string Header(string name) => request.Headers[name].ToString();
    var valid = Signature.IsValid(Header("webhook-id"), Header("webhook-timestamp"), Header("webhook-signature"),
        body, keys, DateTimeOffset.UtcNow.ToUnixTimeSeconds());
    if (!valid) return Results.StatusCode(401); // never 400: Postkamer keeps the event and warns, until the secrets agree
    Event received;
    try
    {
        received = Read(body);
    }
    catch (Exception e) when (e is JsonException or KeyNotFoundException or FormatException or InvalidOperationException)
    {
        return Results.StatusCode(400); // not an event: Postkamer parks it and goes on
    }
    Console.WriteLine(Store(received)); // if this fails, ASP.NET answers 500: it comes again
    return Results.StatusCode(204);
});
app.Run();
return 0;

static Event Read(byte[] body)
{
    var root = JsonDocument.Parse(body).RootElement;
    var data = root.GetProperty("data");
    var about = data.TryGetProperty("conversationId", out var conversation) ? conversation.GetString()
        : data.TryGetProperty("destination", out var destination) ? destination.GetString() : "";
    var sequence = long.Parse(root.GetProperty("sequence").GetString() ?? "");
    return new Event(root.GetProperty("id").GetString() ?? "", about ?? "", sequence, body);
}

// Store the event once. It is "late" if a later one of its conversation was here before.
string Store(Event received)
{
    using var database = new SqliteConnection(source);
    database.Open();
    using var transaction = database.BeginTransaction();
    using var insert = new SqliteCommand(Insert, database, transaction);
    insert.Parameters.AddWithValue("$id", received.Id);
    insert.Parameters.AddWithValue("$subject", received.Subject);
    insert.Parameters.AddWithValue("$sequence", received.Sequence);
    insert.Parameters.AddWithValue("$body", received.Body);
    var outcome = insert.ExecuteScalar() switch { null => "again", 1L => "late", _ => "new" };
    // Write your own tables here, in the same transaction: nothing if it is here "again"; and if it
    // is "late", the history of the conversation, but not its present state.
    transaction.Commit();
    return $"{outcome} {received.Sequence} {received.Id}";
}

record Event(string Id, string Subject, long Sequence, byte[] Body);
