import Base
import Ledger
import Storage

/// The rules of the chain, one by one. What `ChainState` knows is asked of it.
extension ChainReading {
  private static let remedy =
    "stop the pipeline and restore the ledger's files from where they were copied"

  // MARK: - Files

  /// Two readable summaries are kept once older entries are retired.
  mutating func judgeSummaries(_ versions: [Int64], entries: [Int64]) {
    guard let oldest = entries.first ?? versions.first, oldest > 0 || entries.isEmpty else {
      return
    }
    let sentence = "entries below \(oldest) are retired, and "
    let folder = Finding.Subject.file(Ledger.folder)
    if summaries.isEmpty {
      findings.add(
        .error, .moves, folder, sentence + "no summary is readable: the chain's state is lost",
        advice: Self.remedy)
    } else if summaries.count == 1 {
      findings.add(
        .warning, .moves, folder, sentence + "only one summary is readable; two are kept",
        advice: "the pipeline writes the next one by itself; until then nothing may happen to this")
    }
  }

  /// No entry is missing: neither before a later one, nor between the two newest summaries.
  mutating func judgeHoles(_ entries: [Int64], summaries versions: [Int64]) throws {
    let later = entries.filter { $0 > end }
    if let first = later.first {
      if try exists(Ledger.entryPath(end)) { throw Moved() }
      findings.add(
        .error, .moves, .file(Ledger.entryPath(end)),
        "entry \(end) is missing, though \(later.count) later ones are there, the first "
          + "\(first)", advice: Self.remedy)
    }
    let newest = versions.sorted().suffix(2)
    guard newest.count == 2, let older = newest.first, let newer = newest.last else { return }
    let kept = entries.filter { $0 >= older && $0 <= newer }
    guard Int64(kept.count) != newer - older + 1 else { return }
    // A newer summary may have retired them while we looked.
    let names = try list().compactMap(Ledger.summaryVersion)
    if names.contains(where: { $0 > newer }) { throw Moved() }
    var missing = older
    for version in kept where version == missing { missing += 1 }
    findings.add(
      .error, .moves, .file(Ledger.entryPath(missing)),
      "entry \(missing) is missing: entries are kept down to the older of two summaries, "
        + "\(older)",
      advice: "recovery does not need it while summary \(newer) is readable; restore it")
  }

  private func exists(_ path: String) throws(AuditError) -> Bool {
    do { return try storage.exists(path) } catch { throw .storage(error) }
  }

  // MARK: - Entries

  /// What an entry says by itself.
  mutating func judge(_ entry: LedgerEntry, path: String) {
    if let other = commitIDs.updateValue(entry.version, forKey: entry.commitID) {
      findings.add(
        .error, .moves, .file(path),
        "it has commit id \(entry.commitID), which entry \(other) has too", advice: Self.remedy)
    }
    let names = entry.tables.map(\.table)
    if Set(names).count != names.count {
      findings.add(
        .error, .tables, .file(path), "it holds actions for the same table twice",
        advice: Self.remedy)
    }
    if let absurdity = EntryAccounting.absurdity(of: entry) {
      findings.add(.error, .outcomes, .file(path), absurdity, advice: Self.remedy)
      return
    }
    for fault in EntryAccounting.faults(of: entry) {
      findings.add(
        .error, .outcomes, .file(path), "its accounting does not add up: \(fault)",
        advice: "report this with the file: an entry is checked before it is put")
    }
  }

  /// What an entry says to the chain before it; applies it where nothing speaks against it.
  mutating func take(_ entry: LedgerEntry) {
    let path = Ledger.entryPath(entry.version)
    if EntryAccounting.absurdity(of: entry) != nil { return }
    if let sentence = misfit(entry) {
      findings.add(.error, .moves, .file(path), sentence, advice: Self.remedy)
      return
    }
    if let conflict = state.conflict(with: entry) {
      let subject = Finding.Subject(path: path, partition: conflict.key)
      let place = conflict.key.map { " at \($0)" } ?? ""
      findings.add(
        .error, invariant(of: conflict, entry), subject,
        "it breaks the chain\(place): \(conflict.reason)", advice: Self.remedy)
      return
    }
    state.apply(entry)
  }

  private func misfit(_ entry: LedgerEntry) -> String? {
    if (entry.kind == .create) != state.isEmpty { return "a chain begins once, with entry 0" }
    if !state.isEmpty, entry.ledgerID != state.ledgerID {
      return "it belongs to ledger \(entry.ledgerID), not \(state.ledgerID)"
    }
    for counter in entry.counters {
      let sum = state.counters[counter.name, default: 0].addingReportingOverflow(counter.value)
      if sum.overflow { return "the sum of the counters \(counter.name) is beyond all bounds" }
    }
    for move in entry.partitions {
      guard let partition = state.partitions[move.key] else { continue }
      let gaps = move.gaps.reduce(0) { $0 + $1.to }
      if partition.notDeliveredCount > Int64.max - move.notDelivered
        || partition.skippedCount > Int64.max - gaps
      {
        return "the sums of \(move.key) are beyond all bounds"
      }
    }
    return nil
  }

  private func invariant(of conflict: Conflict, _ entry: LedgerEntry) -> Invariant {
    if conflict.key == nil, entry.kind == .replay { return .replays }
    guard let move = entry.partitions.first(where: { $0.key == conflict.key }),
      let partition = state.partitions[move.key]
    else { return .moves }
    if move.previous != partition.lastVersion { return .bases }
    if move.from == partition.to, let state = move.state, state.cut > move.to { return .cuts }
    return .moves
  }
}

/// Where two states of a chain differ, in a sentence for a person.
enum ChainDifference {
  static func sentence(of summary: ChainState, _ replayed: ChainState) -> String {
    if summary.ledgerID != replayed.ledgerID { return "the ledger id" }
    if summary.clusterID != replayed.clusterID { return "the cluster id" }
    let keys = Set(summary.partitions.keys).union(replayed.partitions.keys)
    for key in keys.sorted() {
      let (left, right) = (summary.partitions[key], replayed.partitions[key])
      guard left != right else { continue }
      guard let left, let right else { return "partition \(key) is in one of them only" }
      if left.to != right.to { return "partition \(key) stands at \(left.to), not \(right.to)" }
      if left.lastVersion != right.lastVersion {
        return "partition \(key) was moved by \(left.lastVersion), not \(right.lastVersion)"
      }
      return "partition \(key), in its state snapshots, witness, clock or counts"
    }
    if summary.topics != replayed.topics { return "the open topics" }
    if summary.lastReplay != replayed.lastReplay { return "the last replay of dead letters" }
    for name in Set(summary.tables.keys).union(replayed.tables.keys).sorted()
    where summary.tables[name] != replayed.tables[name] {
      return "table \(name)"
    }
    for name in Set(summary.counters.keys).union(replayed.counters.keys).sorted() {
      let (left, right) = (summary.counters[name], replayed.counters[name])
      if left != right { return "counter \(name): \(left ?? 0), not \(right ?? 0)" }
    }
    return "its version"
  }
}
