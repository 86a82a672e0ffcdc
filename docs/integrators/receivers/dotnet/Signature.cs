using System.Globalization;
using System.Security.Cryptography;
using System.Text;

/// <summary>Signature of an event, as Standard Webhooks describes it.</summary>
public static class Signature
{
    const long Tolerance = 300; // seconds by which the clock of Postkamer may differ

    /// <summary>Return the key in a secret: base64 after "whsec_", else the text itself.</summary>
    public static byte[] KeyOf(string secret)
    {
        var key = secret.StartsWith("whsec_", StringComparison.Ordinal)
            ? Convert.FromBase64String(secret.Substring(6))
            : Encoding.UTF8.GetBytes(secret);
        if (key.Length == 0) throw new FormatException("a secret is empty, and anyone could sign with it");
        return key;
    }

    /// <summary>True when one signature fits one key, and the time of signing is near.</summary>
    public static bool IsValid(
        string id, string timestamp, string signatures, byte[] body, IEnumerable<byte[]> keys, long now)
    {
        var signed = Encoding.UTF8.GetBytes($"{id}.{timestamp}.").Concat(body).ToArray();
        var given = signatures.Split(' ').Select(one => Encoding.UTF8.GetBytes(one)).ToList();
        var expected = keys.Select(key =>
            Encoding.UTF8.GetBytes("v1," + Convert.ToBase64String(HMACSHA256.HashData(key, signed))));
        if (!expected.Any(mine => given.Any(theirs => CryptographicOperations.FixedTimeEquals(mine, theirs))))
            return false;
        return long.TryParse(timestamp, NumberStyles.None, CultureInfo.InvariantCulture, out var at)
            && Math.Abs(now - at) <= Tolerance;
    }
}
