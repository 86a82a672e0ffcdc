// Open the entry of a proof that has its key (`postkamer archive prove --open`): Node 20 or later, no packages.
//   node open-entry.mjs PROOF.json
// Check the proof itself with check-proof.mjs. The content is bound to the leaf, as docs/municipality/archive.md says.
import { createDecipheriv, createHash } from "node:crypto";
import { readFileSync } from "node:fs";

// AES-256-GCM: 12 bytes of nonce, the ciphertext, and 16 bytes of tag.
function unseal(sealed, key, bound) {
  const cipher = createDecipheriv("aes-256-gcm", key, sealed.subarray(0, 12)).setAAD(bound).setAuthTag(sealed.subarray(-16));
  const opened = cipher.update(sealed.subarray(12, -16));
  try { return Buffer.concat([opened, cipher.final()]); } catch { return null; }
}

// MessagePack: an array of three byte strings, each a byte for the width of its length, its length, and its bytes.
function unpack(packed) {
  const found = [];
  for (let at = 1; at < packed.length;) {
    const start = at + 1 + (1 << (packed[at] - 0xc4));
    const end = start + packed.readUIntBE(at + 1, start - at - 1);
    found.push(packed.subarray(start, end).toString());
    at = end;
  }
  return found;
}

try {
  const proof = JSON.parse(readFileSync(process.argv[2]));
  const [sealed, key] = [proof.sealed, proof.key].map((text) => Buffer.from(text, "base64"));
  const [leaf, columns] = [JSON.parse(proof.leaf), proof.leaf.slice(0, proof.leaf.lastIndexOf(","))];
  if (leaf[11] !== createHash("sha256").update(sealed).digest("hex")) throw new Error("the content is not that of the leaf");
  const id = Buffer.from(leaf[1].replaceAll("-", ""), "hex"); // entries of before are bound to this alone
  const packed = unseal(sealed, key, Buffer.from(columns)) ?? unseal(sealed, key, id);
  if (!packed) throw new Error("the key does not open the entry: it is another, or a readable column was changed");
  for (const part of unpack(packed)) console.log(part);
} catch (error) {
  console.error(`it does not open: ${error.message}`);
  process.exit(1);
}
