"""Mutations of the exactly-once protocol: each breaks one rule of it, every one must be noticed.

A mutation is a list of edits. An edit names a file below Sources, the text that it stands for,
which must be there exactly once (within `at`, where that text alone is there more often), and what
replaces it: a template in which `$on` is the Swift condition "this mutation is on" and `$old` the
text as it was. All mutations are compiled into one program: see mutate_protocol.py.

`rule` is the rule of the design ("Exactly once: the ledger") that the mutation breaks; README and
docs/ARCHITECTURE.md tell the same rules by invariant. Rule 10 is that of dead letters (I12), 11 that
of floods: a pause decides only when records are read. `harmless` says why no test can notice a
mutation: another rule stands behind the broken one. Such a mutation is run all the same, and it is
an error if it is noticed.
"""

from dataclasses import dataclass

POSIX = "Storage/POSIXStorage.swift"
FILE = "Storage/POSIXFile.swift"
LEDGER = "Ledger/Ledger.swift"
CHAIN = "Ledger/ChainState.swift"
SUMMARY = "Ledger/LedgerSummary.swift"
TABLE = "DeltaLog/DeltaTable.swift"
ROLL = "DeltaLog/DeltaTable+RollForward.swift"
COMMITTER = "Pipeline/Commit/Committer.swift"
FAILURE = "Pipeline/Commit/CommitFailure.swift"
LOGS = "Pipeline/Commit/TableLogs.swift"
CUT = "Pipeline/Commit/Cut.swift"
HASHED = "Storage/HashedFile.swift"
LANE = "Pipeline/Lane/Lane+Commands.swift"
PARTITION = "Pipeline/Lane/LanePartition.swift"
SNAPSHOT = "Pipeline/Lane/StateSnapshot.swift"
SESSION = "Pipeline/Instance/Session.swift"
SESSION_COMMIT = "Pipeline/Instance/Session+Commit.swift"
SESSION_POSITIONS = "Pipeline/Instance/Session+Positions.swift"
REBALANCE = "Pipeline/Instance/Session+Rebalance.swift"
RESOLVER = "Pipeline/Instance/PositionResolver.swift"
OPENER = "Pipeline/Instance/TopicOpener.swift"
FAULT = "Pipeline/Positions/PositionFault.swift"
REPLAY = "Pipeline/DeadLetters/Committer+Replay.swift"
LETTERS = "Pipeline/DeadLetters/DeadLetterReplay.swift"
WALK = "Pipeline/DeadLetters/LetterWalk.swift"
REPLAY_BATCH = "Pipeline/DeadLetters/ReplayBatch.swift"
FLOODS = "Pipeline/Instance/Session+Floods.swift"
HOLD = "Pipeline/Lane/LanePartition+Hold.swift"
WINDOWS = "Windows/PartitionWindows.swift"
WINDOWS_STATE = "Windows/PartitionWindows+Snapshot.swift"


@dataclass(frozen=True)
class Edit:
    file: str
    old: str
    template: str
    at: str = ""


@dataclass(frozen=True)
class Mutation:
    name: str
    rule: int
    edits: tuple
    harmless: str = ""


def left_out(file, old, at=""):
    """A statement that is not carried out."""
    return Edit(file, old, "if !$on { $old }", at)


def before(file, old, statement, at=""):
    """A statement that is carried out before another."""
    return Edit(file, old, statement + "\n$old", at)


def after(file, old, statement, at=""):
    return Edit(file, old, "$old\n" + statement, at)


def replaced(file, old, statement, at=""):
    return Edit(file, old, "if $on { " + statement + " } else { $old }", at)


def never(file, old, at=""):
    """A condition that never holds."""
    return Edit(file, old, "(!$on && $old)", at)


def always(file, old, at=""):
    """A condition that always holds."""
    return Edit(file, old, "($on || $old)", at)


SYNC_LEDGER = "try storageCall { () throws(StorageError) in try storage.syncFolder(Self.folder) }"
CONFLICT = "if let conflict = state.conflict(with: entry) { throw .conflict(conflict) }"
LINK = "try storage.fileSystem.link(temporaryPath, as: path, in: storage.rootDescriptor)"

ORDER = [
    Mutation("data file not synced", 1, (
        Edit(HASHED, "try file.close(sync: true)", "try file.close(sync: !$on)"),)),
    Mutation("state file not synced", 1, (
        Edit(CUT, "try closing.close(sync: true)", "try closing.close(sync: !$on)"),)),
    Mutation("data folders not synced", 1, (
        Edit(COMMITTER, "Set(files.map { StoragePath.folder(of: $0.path) })",
             "($on ? [] : $old)"),)),
    Mutation("state folder not synced", 1, (
        never(COMMITTER, "cuts.contains(where: { $0.state != nil })"),)),
    Mutation("new folders not synced in their parents", 1, (
        left_out(POSIX, "try syncOne(parent)"),)),
    Mutation("entry put before the state is closed", 1, (
        left_out(COMMITTER, "for cut in cuts { try cut.state?.closeOnce(in: storage) }"),
        left_out(COMMITTER, "try checkStatesAreThere(cuts)"),
        Edit(COMMITTER, "$0.isClosed ? $0.reference : nil", "$on || $old"),
        before(COMMITTER, "giveBack(cuts, version: commit.report.entry.version)",
               "if $on { for cut in cuts { try? cut.state?.closeOnce(in: storage) } }"),)),
    Mutation("table logs written before the entry", 1, (
        before(COMMITTER, "commit.report.entry = try putCommit(commit.report.entry)", """\
if $on {
  var early = commit.report.entry
  early.version = ledger.state.nextVersion
  do throws(DeltaError) {
    _ = try tableLogs.bringUp(entries: [early], ledgerEnd: early.version)
  } catch { throw CommitFailure(error) }
}"""),)),
]

PUT = [
    Mutation("entry linked before it is synced", 2, (
        Edit(POSIX, "try file.close(sync: true)", "try file.close(sync: !$on)",
             at="do {\n      try file.close(sync: true)"),)),
    Mutation("ledger folder not synced after a put", 2, (
        left_out(POSIX, "try syncFolder(StoragePath.folder(of: path))",
                 at="try syncFolder(StoragePath.folder(of: path))\n    return .stored"),)),
    Mutation("put overwrites what is there", 2, (
        before(FILE, LINK,
               "if $on { try? storage.fileSystem.unlink(path, in: storage.rootDescriptor) }"),)),
    Mutation("put shows the final name before the bytes", 2, (
        before(FILE, "try storage.fileSystem.write(bytes, to: descriptor)",
               "if $on, operation == .put { " + LINK + " }"),
        Edit(FILE, LINK, "if !$on || operation != .put { $old }"),)),
    Mutation("EEXIST taken for success", 2, (
        before(POSIX, "if error.kind == .exists { return .alreadyExists }",
               "if $on, error.kind == .exists { return .stored }"),)),
    Mutation("commit id not compared after an unclear put", 2, (
        always(LEDGER, "found.commitID == entry.commitID"),)),
    Mutation("any winner taken for our own entry", 2, (
        always(LEDGER, "winner.commitID == entry.commitID"),)),
    Mutation("failed sync of an entry resolved by looking", 2, (
        never(LEDGER, "error.kind == .syncFailed"),)),
    Mutation("failed sync of a file ignored", 2, (
        left_out(FILE, "throw StorageError(\n          syncFailure: error, "
                 "operation == .create ? .close : operation, path: path)"),)),
    Mutation("failed sync of a folder ignored", 2, (
        left_out(POSIX, "throw StorageError(syncFailure: error, .syncFolder, path: folder)"),)),
    Mutation("process goes on after a failed sync", 2, (
        Edit(FAILURE, 'case .syncFailed: self = .syncFailed("\\(error)")',
             'case .syncFailed: self = '
             '$on ? .mustRecover("\\(error)") : .syncFailed("\\(error)")'),)),
    Mutation("found entries acted on before they are synced", 2, (
        never(LEDGER, "found", at="if found {"),)),
    Mutation("winner acted on before it is synced", 2, (
        left_out(LEDGER, SYNC_LEDGER, at=SYNC_LEDGER + "\n      try take(winner)"),)),
    Mutation("entry of an unclear put not synced", 2, (
        left_out(LEDGER, SYNC_LEDGER, at=SYNC_LEDGER + "\n        return true"),)),
]

CHAIN_RULES = [
    Mutation("`prev` unchecked", 3, (never(CHAIN, "move.previous != partition.lastVersion"),)),
    Mutation("`from` unchecked", 3, (never(CHAIN, "move.from != partition.to"),)),
    Mutation("`prev` and `from` unchecked", 3, (
        never(CHAIN, "move.previous != partition.lastVersion"),
        never(CHAIN, "move.from != partition.to"),)),
    Mutation("entry not validated again after a lost race", 3, (
        Edit(LEDGER, CONFLICT, "if !$on || entry.version == 0 { $old }"),)),
    Mutation("entry split: only the conflicting partition is dropped", 3, (
        before(LEDGER, CONFLICT, """\
if $on, let conflict = state.conflict(with: entry), let key = conflict.key {
  entry.partitions.removeAll { $0.key == key }
  continue
}"""),)),
    Mutation("moves based on what the chain says at the commit", 3, (
        Edit(COMMITTER, "bases[cut.key] ?? -1",
             "($on ? ledger.state.partitions[cut.key]?.lastVersion ?? -1 : $old)"),)),
]

ENDS = [
    Mutation("summary ignored at the chain's end", 4, (
        before(LEDGER, "guard let newest = try summaryVersions().last, newest >= version "
               "else { return }", "if $on { return }"),
        before(LEDGER, "guard let newest = try summaryVersions().last, "
               "newest >= state.nextVersion else { break }", "if $on { break }"),)),
    Mutation("entries retired below the newer summary", 4, (
        Edit(LEDGER, "summaries[summaries.count - 2]",
             "($on ? summaries[summaries.count - 1] : $old)"),)),
    Mutation("entries retired before the tables have taken them", 4, (
        before(COMMITTER, "try bringTablesUp()", "if $on { try summarize() }",
               at="try bringTablesUp()\n    try summarize()\n    deleteRetiredStates()"),)),
    Mutation("summary taken without its checksum", 4, (
        always(SUMMARY,
               'json["checksum"]?.stringValue == Self.checksum(of: [format, body, bookmarks])'),)),
    Mutation("hole in the chain not noticed", 4, (left_out(LEDGER, "try checkNoHole()"),)),
]

TABLES = [
    Mutation("txn of others not looked at: entry given twice", 5, (
        after(ROLL, "progress.bookmark = found.bookmark",
              "if $on { progress.bookmark.txnVersion = txnVersion }"),)),
    Mutation("txn not looked at in recovery", 5, (
        Edit(LOGS, "bookmarks[table] = progress.bookmark", """\
let known = bookmarks[table]?.txnVersion ?? TableBookmark.empty.txnVersion
$old
if $on { bookmarks[table]?.txnVersion = known }""",
             at="bookmarks[table] = progress.bookmark\n"
             "      foreign += progress.foreignCommits.map { (table, $0) }\n"
             "      let txnVersion"),)),
    Mutation("txn of a run is that of its first entry", 5, (
        Edit(ROLL, "last.ledgerVersion", "($on ? first.ledgerVersion : $old)"),)),
    Mutation("entries before the newest left out of a table", 5, (
        Edit(ROLL, "entries.firstIndex(where: { $0.ledgerVersion > txnVersion })",
             "($on ? entries.lastIndex(where: { $0.ledgerVersion > txnVersion }) : $old)"),)),
    Mutation("found table versions not synced", 5, (
        never(TABLE, "replay.bookmark.deltaVersion > bookmark.deltaVersion"),)),
    Mutation("unclear put of a table version taken for done", 5, (
        before(ROLL, "if error.kind != .syncFailed, try exists(version) { return .taken }",
               "if $on { return .stored }"),)),
    Mutation("owed files not looked for", 5, (
        left_out(LOGS, "foreign += try checkFilesAreThere(table, actions)"),)),
]

RECOVERY = [
    Mutation("recovery does not bring the tables up", 6, (
        left_out(COMMITTER, "try bringTablesUp(recovering: true)"),)),
    Mutation("replay not suppressed", 6, (never(PARTITION, "first < start.to"),)),
    Mutation("replay suppressed one record too long", 6, (
        Edit(PARTITION, "start.to", "($old + ($on ? 1 : 0))", at="replayUntil = start.to\n"),)),
    Mutation("replay suppressed one record too short", 6, (
        Edit(PARTITION, "start.to", "($old - ($on ? 1 : 0))", at="replayUntil = start.to\n"),)),
    Mutation("replayed firings and anomalies kept", 6, (
        replaced(PARTITION, "output.removeAll()", "output.readings.removeAll(); "
                 "output.deadLetters.removeAll(); output.deadLetterByteCount = 0"),)),
    Mutation("snapshot whose cut is above `to`", 6, (
        Edit(PARTITION, "expected", "($old + ($on ? 1 : 0))",
             at="cut: expected, vocabulary"),
        Edit(LANE, "partition.expected", "($old + ($on ? 1 : 0))",
             at="cut: partition.expected, byteCount"),
        never(CHAIN, "state.cut > move.to"),)),
    Mutation("snapshot that holds more than its cut says", 6, (
        Edit(PARTITION, "expected", "($old - ($on ? 1 : 0))",
             at="cut: expected, vocabulary"),
        Edit(LANE, "partition.expected", "($old - ($on ? 1 : 0))",
             at="cut: partition.expected, byteCount"),)),
    Mutation("state not restored", 6, (
        before(LANE, "guard let reference = start.state else {", "if $on { return "
               "StateSnapshot.empty(cut: start.to, key: start.key, source: source, "
               "admission: source.admission) }"),)),
    Mutation("damaged state not noticed", 6, (
        always(SNAPSHOT, "XXHash64.hash(bytes) == reference.checksum"),)),
    Mutation("older snapshot deleted with the oldest", 6, (
        after(LEDGER, "retiredStates.append(states[0].path)",
              "if $on { retiredStates.append(states[1].path) }"),)),
    Mutation("decision committed without the state behind it", 6, (
        left_out(COMMITTER, "try checkStatesAreThere(cuts)"),)),
    Mutation("second try of a commit begins anew", 6, (
        never(COMMITTER, "unfinished.report.entry.commitID == id"),)),
]

POSITIONS = [
    Mutation("witness not compared", 7, (
        always(PARTITION,
               "checksum == known.checksum && header.timestampMicros == known.timestampMicros"),)),
    Mutation("re-created topic not noticed", 7, (
        always(PARTITION,
               "checksum == known.checksum && header.timestampMicros == known.timestampMicros"),
        never(FAULT, "kafka.end < chain.to"),)),
    Mutation("lost position papered over", 7, (
        before(RESOLVER, "return .stop(fault.sentence(topicPartition))", """\
if $on {
  start.fetchFrom = kafka.beginning
  start.witness = nil
  return .start(start)
}"""),)),
    Mutation("gap counted as not delivered", 7, (
        replaced(PARTITION, "sinceCut.gaps.append("
                 "OffsetGap(from: max(expected, replayUntil), to: offset, reason: reason))",
                 "sinceCut.notDelivered += offset - max(expected, replayUntil)"),)),
    Mutation("new partitions start at their end", 7, (
        Edit(OPENER, "known != nil ? 0 :", "known != nil ? ($on ? range.end : 0) :"),)),
    Mutation("other cluster not noticed", 7, (
        never(COMMITTER, "known != clusterID"),
        never(SESSION_POSITIONS, "found != expected"),)),
]

DELIVERY = [
    Mutation("lower offsets accepted", 8, (
        left_out(PARTITION, "if header.offset < expected "
                 "{ return position == .fresh ? seekAhead(of: header) : .none }"),)),
    Mutation("jump believed at once", 8, (
        never(PARTITION, "position == .fresh",
              at="if header.offset > expected {\n      if position == .fresh {"),)),
    Mutation("end beyond a jump believed at once", 8, (
        never(PARTITION, "position == .fresh",
              at="if offset > expected {\n      if position == .fresh {"),)),
    Mutation("not delivered not counted", 8, (
        left_out(PARTITION,
                 "sinceCut.notDelivered += max(0, offset - max(expected, replayUntil))"),)),
    Mutation("not delivered counted again in a replay", 8, (
        before(PARTITION,
               "sinceCut.notDelivered += max(0, offset - max(expected, replayUntil))",
               "if $on { sinceCut.notDelivered += max(0, min(offset, replayUntil) - expected) }"),)),
    Mutation("end of partition does not move the position", 8, (
        left_out(PARTITION, "skipUndelivered(to: offset)"),)),
]

DETERMINISM = [
    Mutation("idle devices looked for at the end of a batch", 9, (
        Edit(WINDOWS, "clock.micros >= nextIdleCheckMicros",
             "$old, !$on || record == batch.recordCount - 1"),)),
    Mutation("fired windows lost in the snapshot", 9, (
        after(WINDOWS_STATE, "state.firedThrough = try readTime(from: &reader)",
              "if $on { state.firedThrough = state.watermark }"),)),
    Mutation("watermark lost in the snapshot", 9, (
        after(WINDOWS_STATE, "state.droppedThrough = try readTime(from: &reader)",
              "if $on { state.watermark = state.droppedThrough }"),)),
    Mutation("partition's clock lost in the snapshot", 9, (
        after(WINDOWS_STATE, "clock.micros = try readTime(from: &reader)",
              "if $on { clock.micros = EventTime.none }"),)),
]

LETTERS_RULES = [
    Mutation("the replay before is not looked at", 10, (
        Edit(CHAIN, "replay.previous == lastReplay", "($on || $old)"),)),
    Mutation("replay based on what the chain says at the commit", 10, (
        after(REPLAY, "try refresh()",
              "if $on { entry.replay = ReplayStep(previous: ledger.state.lastReplay) }"),)),
    Mutation("marks of the replay that came first not read", 10, (
        left_out(WALK, "try files.readMarksAgain(storage, state: state)"),)),
    Mutation("letters chosen that have come back", 10, (
        Edit(LETTERS, "!walk.state(of: $0.letter).isDone", "($on || $old)"),)),
    Mutation("marks not written", 10, (
        left_out(REPLAY, "contents.append(\n      DeadLetterReplaysTable("
                 "marks: batch.marks, config: options.configFingerprint))"),)),
    Mutation("replayed readings without their flag", 10, (
        Edit(REPLAY_BATCH, ".union(.replayed)", ".union($on ? [] : .replayed)"),)),
    Mutation("bad rows bring back the good ones of their record", 10, (
        Edit(REPLAY_BATCH, "{ wanted.contains($0) }", "{ $on || wanted.contains($0) }"),)),
    Mutation("letters that are still dead marked as read", 10, (
        replaced(REPLAY_BATCH, "mark.outcome = .dead", "mark.outcome = .empty",
                 at="case .dead(let reason, let detail):\n      mark.outcome = .dead"),)),
]

FLOOD_RULES = [
    Mutation("paused partitions not resumed", 11, (
        left_out(FLOODS, "if !released.isEmpty { try consumer.resume(released) }"),)),
    Mutation("lanes not told that a pause is over", 11, (
        left_out(FLOODS, "for partition in released { tell(partition, .release(partition)) }"),)),
    Mutation("what came during a pause not asked for again", 11, (
        Edit(HOLD, "position = .refetching\n    return true",
             "position = $on ? .refetched : .refetching\n    return !$on"),)),
    Mutation("a pause stays with a partition that is given back", 11, (
        left_out(FLOODS, "try consumer?.resume(held)"),)),
]

FENCED = "whoever lost the partition may commit if, and only if, nobody moved it meanwhile: rule 3"
HELD = "what a lane still holds is based on a version that the next owner moves on from: rule 3"
HARMLESS = [
    Mutation("lanes not told to forget", 8, (
        Edit(SESSION, ".forget(partitions, done: done)",
             ".forget($on ? [] : partitions, done: done)"),), HELD),
    Mutation("lanes not waited for before letting go", 8, (
        Edit(SESSION, "done.wait(timeoutMillis: Self.laneAnswerMillis)", "$on ? true : $old"),), HELD),
    Mutation("session goes on after a conflict", 3, (
        left_out(SESSION_COMMIT, "board.fail(.reopen(reason))",
                 at="case .conflict(let reason), .mustRecover(let reason): "
                 "board.fail(.reopen(reason))"),),
        "rows: every later commit of the session is a conflict too; the stall rule ends the process"),
    Mutation("commit after `lost`", 3, (
        after(REBALANCE, "hasLostWhileDraining = hasLostWhileDraining || isDraining",
              "if $on { commit() }"),), FENCED),
    Mutation("bases not dropped when a partition is given up", 3, (
        left_out(COMMITTER, "bases[key] = nil"),),
        "the lanes have forgotten it, so no cut of it comes; and rule 3 stands behind that"),
    Mutation("assignment from the chain as last read", 3, (
        left_out(REBALANCE, "try committer.refresh()"),),
        "a position that is too low is a move that does not fit: rule 3, and a recovery"),
]

MUTATIONS = [
    *ORDER, *PUT, *CHAIN_RULES, *ENDS, *TABLES, *RECOVERY, *POSITIONS, *DELIVERY, *DETERMINISM,
    *LETTERS_RULES, *FLOOD_RULES, *HARMLESS,
]
