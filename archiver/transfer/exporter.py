"""Export the conversations of a plan into a package, some at a time, and end it with its slip."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from importlib.resources import files

import msgspec

from archiver.encryption.key_store import KeyStore
from archiver.retention.dossier import Dossier
from archiver.retention.dossier_store import load_dossiers
from archiver.transfer.description import (
    Describer,
    Document,
    Organisation,
    department_of,
    organisation_of,
)
from archiver.transfer.dossier_export import DossierExport, Surroundings
from archiver.transfer.folder_writer import FolderWriter, Packed
from archiver.transfer.package import Line, Package, Plan
from archiver.transfer.packing_slip import Reason, Slip, encode_slip
from archiver.transfer.parts import FileDamaged, Part, PartSource, no_parts, whole
from archiver.transfer.selection import find_gone
from archiver.transfer.tree_reader import TreeReader
from services.config.model import Configuration
from services.files.object_store import ObjectStore
from services.postgres.database import Connection, Pool, snapshot
from services.tasks import cancel_and_wait
from services.transparency import signed_note

AT_ONCE = 100
"""Conversations of one look on the record and of one line of the journal: some seconds of work, the
most that is done again after a kill."""
NOTE = "toelichting"
"""Name of the document that explains the package, and of its text in this folder."""
CHECKPOINT = "controlepunt"
Look = Callable[[Sequence[str]], Awaitable[None]]
"""Called with conversations before anything of them is read; returns once that is on the record."""
Progress = Callable[[int, int], None]
"""Called with the number of conversations done, and their total."""


class Means(msgspec.Struct, frozen=True, kw_only=True):
    """Means of an export: where it reads, and what it must know."""

    pool: Pool
    keys: KeyStore
    objects: ObjectStore
    config: Configuration
    verifier: str
    """Public key of the signer of checkpoints."""
    transcript: PartSource = no_parts


class Exporter:
    def __init__(self, means: Means, package: Package, plan: Plan) -> None:
        self._means, self._package, self._plan = means, package, plan
        self._organisation = self._find_organisation()

    async def run(self, look: Look, progress: Progress) -> Slip:
        """Export what is not there yet, end the package, and return its slip."""
        plan, package = self._plan, self._package
        package.clear()
        given = await self._surroundings()
        settled = package.done | package.left_out.keys()
        waiting = [id for id in plan.choice.conversations if id not in settled]
        total = len(plan.choice.conversations)
        progress(total - len(waiting), total)
        for start in range(0, len(waiting), AT_ONCE):
            batch = waiting[start : start + AT_ONCE]
            await look(batch)
            await package.commit(await self._export_batch(given, batch))
            progress(total - len(waiting) + start + len(batch), total)
        await self._leave_out_gone()
        await self._write_beside(given.describer)
        slip = self._slip()
        package.finish(encode_slip(slip))
        return slip

    async def _export_batch(self, given: Surroundings, ids: Sequence[str]) -> list[Line]:
        """Export as many at once as the pool has connections: while one waits for the database,
        another is written."""
        tasks = [asyncio.create_task(self._export(given, id)) for id in ids]
        try:
            return await asyncio.gather(*tasks)
        except BaseException:
            await cancel_and_wait(*tasks)
            raise

    async def _export(self, given: Surroundings, id: str) -> Line:
        """Export a conversation as one transaction sees it."""
        async with snapshot(self._means.pool) as connection:
            dossier = await self._load(connection, id)
            if isinstance(dossier, str):
                return Line(left_out=(id, dossier))
            folder = self._package.unfinished(id)
            try:
                packed, missing = await DossierExport(connection, given, dossier, folder).write()
            except FileDamaged:
                self._package.unfinished(id)
                return Line(left_out=(id, "damaged"))
        self._package.place(id)
        named = msgspec.structs.replace(packed, name=id)  # the plan's own string, kept once
        return Line(done=named, missing=missing)

    async def _load(self, connection: Connection, id: str) -> Dossier | Reason:
        """Return the dossier of a conversation, or why it is left out after all."""
        tenant = self._plan.selection.tenant
        dossier = (await load_dossiers(connection, [(tenant, id)])).get((tenant, id))
        if dossier is None:
            return "destroyed" if await find_gone(connection, tenant, [id]) else "later"
        if dossier.position >= self._plan.log_size or not dossier.closed_at:
            return "later"
        return dossier

    async def _surroundings(self) -> Surroundings:
        means, tenant = self._means, self._plan.selection.tenant
        keys = signed_note.read_verifier(means.verifier)
        checkpoint = signed_note.verify_note(self._plan.note, *keys)
        return Surroundings(
            keys=means.keys,
            objects=means.objects,
            tree=TreeReader(checkpoint),
            describer=Describer(self._organisation, checkpoint.at),
            department=partial(department_of, means.config, tenant),
            pseudonym_key=(await means.keys.index_keys(tenant)).proof,
            transcript=means.transcript,
        )

    async def _leave_out_gone(self) -> None:
        """Remove what was destroyed while the export went on."""
        tenant, chosen = self._plan.selection.tenant, self._plan.choice.conversations
        done = [id for id in chosen if id in self._package.done]
        async with self._means.pool.acquire() as connection:
            gone = sorted(await find_gone(connection, tenant, done))
        for id in gone:
            self._package.remove(id)
        if gone:
            await self._package.commit([Line(left_out=(id, "destroyed")) for id in gone])

    async def _write_beside(self, describer: Describer) -> None:
        """Write the documents about the package: what its files are, and the checkpoint."""
        text = (files("archiver.transfer") / f"{NOTE}.txt").read_bytes()
        note = f"{self._plan.note}\n{self._means.verifier}\n".encode()
        documents = (
            (NOTE, "Toelichting op de bestanden van dit pakket", text),
            (CHECKPOINT, "Ondertekend controlepunt van het logboek", note),
        )
        for name, title, content in documents:
            if name not in self._package.done:
                document = Document(name=name, title=title)
                packed = await self._write_document(describer, document, content)
                await self._package.commit([Line(done=packed)])

    async def _write_document(
        self, describer: Describer, document: Document, content: bytes
    ) -> Packed:
        writer = FolderWriter(self._package.unfinished(document.name), describer)
        part = Part(f"{document.name}.txt", "text/plain", whole(content))
        reference = await writer.write_part(document, part)
        writer.write_object(document.name, describer.describe_beside(document, [reference]))
        packed = writer.finish()
        self._package.place(document.name)
        return packed

    def _slip(self) -> Slip:
        plan, package = self._plan, self._package
        summary = package.summary()
        return Slip(
            title=plan.title,
            organisation=self._organisation,
            contact=plan.contact,
            made_at=plan.made_at,
            digest=summary.digest,
            totals=summary.totals,
            dossiers=sum(id in package.done for id in plan.choice.conversations),
            selection=plan.selection.conditions(),
            left_out=package.counts(plan.choice),
            missing=summary.missing,
            log_size=plan.log_size,
        )

    def _find_organisation(self) -> Organisation:
        tenant = self._means.config.tenant(self._plan.selection.tenant)
        assert tenant is not None  # the command refuses one that is not configured
        return organisation_of(tenant, self._plan.target, self._plan.target_id)
