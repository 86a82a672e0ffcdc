using System.Globalization;
using System.Text;

/// <summary>Compares Signature.cs with the table of signatures.</summary>
public static class CheckVectors
{
    public static int Run(string path)
    {
        var lines = File.ReadAllLines(path, Encoding.UTF8).Skip(1).ToList();
        var wrong = 0;
        foreach (var line in lines)
        {
            var of = line.Split('\t'); // case, verdict, secrets, id, timestamp, now, signatures, body
            var keys = of[2].Split(' ').Select(Signature.KeyOf).ToList();
            var now = long.Parse(of[5], CultureInfo.InvariantCulture);
            if (Signature.IsValid(of[3], of[4], of[6], Encoding.UTF8.GetBytes(of[7]), keys, now) == (of[1] == "valid"))
                continue;
            wrong++;
            Console.WriteLine("differs: " + of[0]);
        }
        Console.WriteLine($"{lines.Count} signatures, {wrong} differ");
        return wrong > 0 ? 1 : 0;
    }
}
