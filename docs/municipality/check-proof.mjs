// Check what a Postkamer archive gives out, with nothing of Postkamer: Node 20 or later, no packages.
//   node check-proof.mjs PROOF.json PUBLISHED-KEY [--witness KEY]... [--stamp TOKEN.tsr --authority CA.pem]
// PROOF is an inclusion or a consistency proof. All that it relies on: docs/municipality/archive.md.
import { createDecipheriv, createHash, createPublicKey, verify, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";

const must = (holds, what) => { if (!holds) throw new Error(what); };
const b64 = (text) => {
  const bytes = Buffer.from(text, "base64");
  must(typeof text === "string" && bytes.toString("base64") === text, "it is no base64");
  return bytes;
};
const hash = (algorithm, ...parts) => createHash(algorithm).update(Buffer.concat(parts)).digest();
const node = (left, right) => hash("sha256", Buffer.from([1]), left, right);

// Public keys: <name>+<id>+<base64 of a type and 32 bytes>. Type 1 signs, type 4 co-signs.
function readKey(text, type) {
  const [, name, id, key] = /^([^+\s]+)\+([0-9a-f]{8})\+(\S+)$/.exec(text.trim()) ?? [];
  must(name && b64(key).length === 33 && b64(key)[0] === type, "it is no public key of this type");
  must(hash("sha256", Buffer.from(`${name}\n`), b64(key)).subarray(0, 4).toString("hex") === id, "the id of the key is wrong");
  const jwk = { kty: "OKP", crv: "Ed25519", x: b64(key).subarray(1).toString("base64url") };
  return { name, id, ed25519: createPublicKey({ key: jwk, format: "jwk" }) };
}

// The first line of a key decides; lines of others are ignored (C2SP: signed-note).
function lineOf(key, lines) {
  const mine = lines.find((line) => line[1] === key.name && b64(line[2]).subarray(0, 4).toString("hex") === key.id);
  must(mine, `${key.name} has not signed the checkpoint`);
  return { line: mine[0], signature: b64(mine[2]).subarray(4) };
}

function readCheckpoint(note, signer, witnesses) {
  const end = note.indexOf("\n\n");
  must(end > 0 && note.endsWith("\n"), "the checkpoint is no signed note");
  const body = Buffer.from(note.slice(0, end + 1));
  const lines = note.slice(end + 2, -1).split("\n").map((line) => /^\u2014 (\S+) (\S+)$/.exec(line));
  must(lines.every(Boolean), "a line below the checkpoint is no signature");
  const [origin, size, root, at] = note.slice(0, end).split("\n");
  must(origin === signer.name && /^(0|[1-9]\d{0,15})$/.test(size), "the checkpoint is of another log");
  must(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(at) && !Number.isNaN(Date.parse(at)), "the checkpoint does not say when it was signed");
  const { line, signature } = lineOf(signer, lines);
  must(verify(null, body, signer.ed25519, signature), "the archive has not signed the checkpoint");
  const cosigned = [];
  for (const witness of witnesses) { // cosignature/v1: 8 bytes of seconds, then the signature
    const { signature } = lineOf(witness, lines);
    const message = Buffer.concat([Buffer.from(`cosignature/v1\ntime ${signature.readBigUInt64BE()}\n`), body]);
    must(verify(null, message, witness.ed25519, signature.subarray(8)), `${witness.name} has not co-signed the checkpoint`);
    cosigned.push(`co-signed by ${witness.name} at ${new Date(Number(signature.readBigUInt64BE()) * 1000).toISOString()}`);
  }
  return { size: BigInt(size), root: b64(root), at, cosigned, alone: `${note.slice(0, end)}\n\n${line}\n` };
}

// RFC 9162, 2.1.3.2
function checkInclusion(leaf, position, checkpoint, path) {
  let [fn, sn, root] = [BigInt(position), checkpoint.size - 1n, leaf];
  must(fn >= 0n && fn <= sn, "the position is not in the log");
  for (const hash of path.map(b64)) {
    must(sn > 0n, "the path is too long");
    if (fn & 1n || fn === sn) {
      root = node(hash, root);
      while (!(fn & 1n) && fn > 0n) [fn, sn] = [fn >> 1n, sn >> 1n];
    } else root = node(root, hash);
    [fn, sn] = [fn >> 1n, sn >> 1n];
  }
  must(sn === 0n && root.equals(checkpoint.root), "the path does not lead to the root");
}

// RFC 9162, 2.1.4.2
function checkConsistency(first, second, path) {
  if (first.size === second.size) return must(!path.length && first.root.equals(second.root), "one size has two roots");
  must(first.size > 0n && first.size < second.size, "the second checkpoint is not of a larger log");
  const hashes = path.map(b64);
  if (!(first.size & (first.size - 1n))) hashes.unshift(first.root);
  must(hashes.length, "the path is empty");
  let [fn, sn, fr, sr] = [first.size - 1n, second.size - 1n, hashes[0], hashes[0]];
  while (fn & 1n) [fn, sn] = [fn >> 1n, sn >> 1n];
  for (const hash of hashes.slice(1)) {
    must(sn > 0n, "the path is too long");
    if (fn & 1n || fn === sn) {
      [fr, sr] = [node(hash, fr), node(hash, sr)];
      while (!(fn & 1n) && fn > 0n) [fn, sn] = [fn >> 1n, sn >> 1n];
    } else sr = node(sr, hash);
    [fn, sn] = [fn >> 1n, sn >> 1n];
  }
  must(sn === 0n && fr.equals(first.root) && sr.equals(second.root), "the second log does not continue the first");
}

// DER: tag, content, whole. Long lengths have at most 4 bytes.
function der(bytes, at = 0) {
  let [length, start] = [bytes[at + 1], at + 2];
  if (length & 0x80) [length, start] = [bytes.readUIntBE(start, length & 0x7f), start + (length & 0x7f)];
  must(start + length <= bytes.length, "the time stamp is cut off");
  return { tag: bytes[at], content: bytes.subarray(start, start + length), whole: bytes.subarray(at, start + length) };
}
function parts(item) {
  const found = [];
  for (let at = 0; at < item.content.length; at += found.at(-1).whole.length) found.push(der(item.content, at));
  return found;
}
const HASHES = { "608648016503040201": "sha256", "608648016503040202": "sha384", "608648016503040203": "sha512" };
const algorithm = (item) => HASHES[parts(item)[0].content.toString("hex")] ?? must(false, "the hash of the time stamp is none of SHA-2");

const [CLOCK_MINUTES, LATEST_MINUTES] = [5, 25 * 60]; // clocks differ, and the answer may take an hour
// RFC 3161: the imprint is that of the note with the line of the archive alone, and the authority signed the attributes (CMS).
function checkStamp(bytes, { alone: note, at: signedAt }, authority) {
  let token = der(bytes);
  if (parts(token)[0].tag === 0x30) token = parts(token)[1]; // a whole answer has its status first
  const signed = parts(parts(parts(token)[1])[0]);
  const info = der(parts(parts(signed[2])[1])[0].content);
  const [, , imprint, , time] = parts(info);
  must(hash(algorithm(parts(imprint)[0]), Buffer.from(note)).equals(parts(imprint)[1].content), "the time stamp is of something else");
  const signer = parts(parts(signed.at(-1))[0]);
  const [digest, attributes, , signature] = [algorithm(signer[2]), signer[3], signer[4], signer[5].content];
  must(attributes.tag === 0xa0, "the time stamp has no signed attributes");
  const value = (oid) => parts(parts(parts(attributes).find((each) => parts(each)[0].content.toString("hex") === oid))[1])[0].content;
  must(value("2a864886f70d010904").equals(hash(digest, info.whole)), "the content of the time stamp was changed");
  must(value("2a864886f70d010903").toString("hex") === "2a864886f70d0109100104", "it is no time stamp");
  const whole = Buffer.concat([Buffer.from([0x31]), attributes.whole.subarray(1)]);
  const embedded = signed.filter((each) => each.tag === 0xa0).flatMap(parts).map((each) => new X509Certificate(each.whole));
  const certificate = [authority, ...embedded].find((each) => each.keyUsage?.includes("1.3.6.1.5.5.7.3.8") && verify(digest, whole, each.publicKey, signature));
  must(certificate, "no certificate for time stamps signed it");
  must(certificate.fingerprint256 === authority.fingerprint256 || (certificate.checkIssued(authority) && certificate.verify(authority.publicKey)), "the authority is another one");
  const at = new Date(time.content.toString().replace(/^(....)(..)(..)(..)(..)(..)/, "$1-$2-$3T$4:$5:$6"));
  must(new Date(certificate.validFrom) <= at && at <= new Date(certificate.validTo), "the certificate was not valid then");
  const minutes = (at - Date.parse(signedAt)) / 60_000;
  must(minutes >= -CLOCK_MINUTES, "the time stamp is older than the time in the checkpoint");
  must(minutes <= LATEST_MINUTES, "the checkpoint is dated back: it was stamped over a day after the time in it");
  return at.toISOString();
}

// The key of one entry opens it: AES-256-GCM, then a MessagePack array of three byte strings.
function unseal(proof, bound) {
  const sealed = b64(proof.sealed);
  const cipher = createDecipheriv("aes-256-gcm", b64(proof.key), sealed.subarray(0, 12));
  const opened = cipher.setAAD(bound).setAuthTag(sealed.subarray(-16)).update(sealed.subarray(12, -16));
  try { return Buffer.concat([opened, cipher.final()]); } catch { return null; }
}
function openContent(proof) {
  const id = Buffer.from(JSON.parse(proof.leaf)[1].replaceAll("-", ""), "hex"); // of entries of before
  const packed = unseal(proof, Buffer.from(proof.leaf.slice(0, proof.leaf.lastIndexOf(",")))) ?? unseal(proof, id);
  must(packed, "the key does not open the entry: it is another, or a readable column was changed");
  const found = []; // each string: a byte for the width of its length, its length, and its bytes
  for (let at = 1; at < packed.length;) {
    const start = at + 1 + (1 << (packed[at] - 0xc4));
    const end = start + packed.readUIntBE(at + 1, start - at - 1);
    found.push(packed.subarray(start, end).toString());
    at = end;
  }
  return found;
}

try {
  const options = { witness: { type: "string", multiple: true, default: [] }, stamp: { type: "string" }, authority: { type: "string" } };
  const { values, positionals: [file, published] } = parseArgs({ options, allowPositionals: true });
  const [proof, signer] = [JSON.parse(readFileSync(file)), readKey(published, 1)];
  const witnesses = values.witness.map((key) => readKey(key, 4));
  must(proof.version === 1, "the proof is of another version");
  const newest = readCheckpoint(proof.checkpoint ?? proof.checkpoints[1], signer, witnesses);
  if (proof.leaf === undefined) {
    const first = readCheckpoint(proof.checkpoints[0], signer, []);
    must(BigInt(proof.first) === first.size && BigInt(proof.second) === newest.size, "a checkpoint is of another size");
    checkConsistency(first, newest, proof.path);
    console.log(`${newest.size} entries at ${newest.at} continue what was signed before`);
  } else {
    const leaf = JSON.parse(proof.leaf);
    must(leaf[11] === hash("sha256", b64(proof.sealed)).toString("hex"), "the content is not that of the leaf");
    must(BigInt(proof.size) === newest.size, "the checkpoint is of another size");
    checkInclusion(hash("sha256", Buffer.from([0]), Buffer.from(proof.leaf)), proof.position, newest, proof.path);
    const content = proof.key ? openContent(proof) : [];
    console.log(`entry ${leaf[1]}, a ${leaf[2]} of ${leaf[4]}, was in the log signed at ${newest.at}`);
    for (const part of content) console.log(part);
  }
  for (const line of newest.cosigned) console.log(line);
  if (values.stamp) {
    const authority = new X509Certificate(readFileSync(values.authority));
    console.log(`it was there at ${checkStamp(readFileSync(values.stamp), newest, authority)}`);
  }
} catch (error) {
  console.error(`it does not hold: ${error.message}`);
  process.exit(1);
}
