// Check what a Postkamer archive gives out, with nothing of Postkamer: Node 20 or later, no packages.
//   node check-proof.mjs PROOF.json PUBLISHED-KEY [--witness KEY]... [--stamp TOKEN.tsr --authority CA.pem]
// PROOF is an inclusion or a consistency proof. All that it relies on: docs/municipality/archive.md.
import { createHash, createPublicKey, verify, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";

const must = (holds, what) => { if (!holds) throw new Error(what); return holds; };
const b64 = (text) => Buffer.from(text, "base64");
const hash = (algorithm, ...pieces) => createHash(algorithm).update(Buffer.concat(pieces)).digest();
const node = (left, right) => hash("sha256", Buffer.from([1]), left, right);

function readKey(text, type) { // <name>+<id>+<base64 of a type and 32 bytes>; type 1 signs, type 4 co-signs
  const [, name, id, encoded] = must(/^([^+\s]+)\+([0-9a-f]{8})\+(\S+)$/.exec(text.trim()), "it is no public key");
  const [key, rightId] = [b64(encoded), hash("sha256", Buffer.from(`${name}\n`), b64(encoded)).toString("hex", 0, 4)];
  must(key.length === 33 && key[0] === type && id === rightId, "it is no public key of this type");
  return { name, id, ed25519: createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x: key.toString("base64url", 1) }, format: "jwk" }) };
}

// C2SP: signed-note, tlog-checkpoint, tlog-cosignature. The first line of a key decides; those of others are ignored.
const NOTE = /^((.+)\n(0|[1-9]\d{0,14})\n(\S+)\n(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)\n)\n((?:\u2014 \S+ \S+\n)+)$/;
function readCheckpoint(note, log, witnesses) {
  const [, text, origin, size, root, at, below] = must(NOTE.exec(note), "the checkpoint is not as an archive signs it");
  const lines = below.trimEnd().split("\n").map((line) => ({ line, name: line.split(" ")[1], raw: b64(line.split(" ")[2]) }));
  const lineOf = ({ name, id }) => lines.find((each) => each.name === name && each.raw.toString("hex", 0, 4) === id);
  const own = must(origin === log.name && lineOf(log), "the checkpoint is of another log");
  must(verify(null, Buffer.from(text), log.ed25519, own.raw.subarray(4)), "the archive has not signed the checkpoint");
  const cosigned = witnesses.map((witness) => {
    const { raw } = must(lineOf(witness), `${witness.name} has not co-signed the checkpoint`);
    const message = Buffer.from(`cosignature/v1\ntime ${raw.readBigUInt64BE(4)}\n${text}`);
    must(verify(null, message, witness.ed25519, raw.subarray(12)), `${witness.name} has not co-signed the checkpoint`);
    return `co-signed by ${witness.name} at ${new Date(Number(raw.readBigUInt64BE(4)) * 1000).toISOString()}`;
  });
  return { size: Number(size), root: b64(root), at, cosigned, alone: `${text}\n${own.line}\n` };
}

// RFC 9162, 2.1.3 and 2.1.4: a tree is that of its largest power of two, and the rest. A path begins at the bottom.
function split(size, path) {
  let left = 1;
  while (2 * left < size) left *= 2;
  return [left, must(path.pop(), "the path is too short")];
}
function rootOver(leaf, position, size, path) {
  if (size === 1) return leaf;
  const [left, sibling] = split(size, path);
  if (position < left) return node(rootOver(leaf, position, left, path), sibling);
  return node(sibling, rootOver(leaf, position - left, size - left, path));
}
function rootsOver(first, second, path, whole) { // those of both sizes; `whole` is the first one, while it can be used
  if (first === second) return Array(2).fill(whole ?? must(path.pop(), "the path is too short"));
  const [left, sibling] = split(second, path);
  if (first > left) return rootsOver(first - left, second - left, path).map((root) => node(sibling, root));
  const [old, grown] = rootsOver(first, left, path, whole);
  return [old, node(grown, sibling)];
}

function parts(bytes) { // DER: the items in these bytes, each with its tag, its content, and all its bytes
  const items = [];
  for (let at = 0; at < bytes.length; at += items.at(-1).whole.length) {
    const more = bytes[at + 1] & 0x80 ? bytes[at + 1] & 0x7f : 0; // bytes of a length that is not in one byte
    const start = at + 2 + more;
    const end = start + (more ? bytes.readUIntBE(at + 2, more) : bytes[at + 1]);
    must(end <= bytes.length, "the time stamp is cut off");
    items.push({ tag: bytes[at], content: bytes.subarray(start, end), whole: bytes.subarray(at, end) });
  }
  return items;
}
const inside = (item, ...places) => places.reduce((each, place) => parts(each.content)[place], item);
const hex = (item) => item.content.toString("hex");
const HASHES = { "608648016503040201": "sha256", "608648016503040202": "sha384", "608648016503040203": "sha512" };
const algorithm = (item) => must(HASHES[hex(inside(item, 0))], "the hash of the time stamp is none of SHA-2");
const [STAMPS, DIGEST, TYPE, OF_TIME] = ["1.3.6.1.5.5.7.3.8", "2a864886f70d010904", "2a864886f70d010903", "2a864886f70d0109100104"];
const [MINUTES_BEFORE, MINUTES_AFTER] = [5, 25 * 60]; // clocks differ, and the answer to a question may take an hour

// RFC 3161: the imprint is that of the note with the line of the archive alone; the authority signed the attributes (CMS).
function checkStamp(bytes, checkpoint, trusted) {
  const [answer] = parts(bytes);
  const token = inside(answer, 0).tag === 0x30 ? inside(answer, 1) : answer; // a whole answer has its status first
  const signed = parts(inside(token, 1, 0).content);
  const [info] = parts(inside(signed[2], 1, 0).content);
  const imprint = hash(algorithm(inside(info, 2, 0)), Buffer.from(checkpoint.alone));
  must(imprint.equals(inside(info, 2, 1).content), "the time stamp is of something else");
  const [, , digest, attributes, , signature] = parts(inside(signed.at(-1), 0).content);
  const value = (name) => inside(parts(attributes.content).find((each) => hex(inside(each, 0)) === name), 1, 0);
  must(value(DIGEST).content.equals(hash(algorithm(digest), info.whole)), "the content of the time stamp was changed");
  must(attributes.tag === 0xa0 && hex(value(TYPE)) === OF_TIME, "it is no time stamp");
  const message = Buffer.concat([Buffer.from([0x31]), attributes.whole.subarray(1)]);
  const embedded = signed.filter((each) => each.tag === 0xa0).flatMap((each) => parts(each.content));
  const known = [...trusted, ...embedded.map((each) => new X509Certificate(each.whole))];
  const hasSigned = (each) => verify(algorithm(digest), message, each.publicKey, signature.content);
  const signer = must(known.find((each) => each.keyUsage?.includes(STAMPS) && hasSigned(each)), "no certificate for time stamps signed it");
  const at = new Date(inside(info, 4).content.toString().replace(/^(....)(..)(..)(..)(..)(..)/, "$1-$2-$3T$4:$5:$6"));
  must(leads(signer, at, known, trusted), "the authority is another one, or a certificate was not valid then");
  const minutes = (at - Date.parse(checkpoint.at)) / 60_000;
  must(minutes >= -MINUTES_BEFORE, "the time stamp is older than the time in the checkpoint");
  must(minutes <= MINUTES_AFTER, "the checkpoint is dated back: it was stamped over a day after the time in it");
  return at.toISOString();
}
function leads(certificate, at, known, trusted, most = 4) { // by at most so many others to one that is trusted
  if (!(new Date(certificate.validFrom) <= at && at <= new Date(certificate.validTo))) return false;
  if (trusted.some((each) => each.fingerprint256 === certificate.fingerprint256)) return true;
  const hasIssued = (each) => each.ca && certificate.checkIssued(each) && certificate.verify(each.publicKey);
  return most > 0 && known.some((each) => hasIssued(each) && leads(each, at, known, trusted, most - 1));
}

try {
  const options = { witness: { type: "string", multiple: true, default: [] }, stamp: { type: "string" }, authority: { type: "string" } };
  const { values, positionals: [file, published] } = parseArgs({ options, allowPositionals: true });
  const [proof, log, witnesses] = [JSON.parse(readFileSync(file)), readKey(published, 1), values.witness.map((key) => readKey(key, 4))];
  const [{ leaf, position, first, size = proof.second }, path] = [proof, proof.path.map(b64)];
  const newest = readCheckpoint(proof.checkpoint ?? proof.checkpoints[1], log, witnesses);
  must(proof.version === 1 && size === newest.size, "the proof is of another version, or the checkpoint of another size");
  if (leaf) {
    must(JSON.parse(leaf)[11] === hash("sha256", b64(proof.sealed)).toString("hex"), "the content is not that of the leaf");
    must(Number.isInteger(position) && 0 <= position && position < size, "the position is not in the log");
    const root = rootOver(hash("sha256", Buffer.from([0]), Buffer.from(leaf)), position, size, path);
    must(!path.length && root.equals(newest.root), "the path does not lead to the root");
  } else {
    const before = readCheckpoint(proof.checkpoints[0], log, []);
    must(first === before.size && 0 < first && first <= size, "the first checkpoint is of another size");
    const [old, grown] = rootsOver(first, size, path, before.root);
    must(!path.length && old.equals(before.root) && grown.equals(newest.root), "the second log does not continue the first");
  }
  const trusted = values.stamp ? readFileSync(values.authority, "utf8").match(/-----BEGIN CERT[^]+?-----END CERTIFICATE-----/g) : [];
  const stamped = values.stamp && checkStamp(readFileSync(values.stamp), newest, trusted.map((each) => new X509Certificate(each)));
  console.log([`${leaf ? `entry ${JSON.parse(leaf)[1]} was` : `all of ${first} entries were`} in the log of ${size} entries, signed at ${newest.at}`,
    ...newest.cosigned, ...(stamped ? [`it was there at ${stamped}`] : []),
    ...(proof.key ? ["it has a key: open-entry.mjs tells if that opens it as it stands in the log"] : [])].join("\n"));
} catch (error) {
  console.error(`it does not hold: ${error.message}`);
  process.exit(1);
}
