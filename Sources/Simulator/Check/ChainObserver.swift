import Base
import Ledger
import Telemetry

/// Watches a ledger from outside while it is written, entry by entry, and holds each against the
/// chain's rules: written apart from `ChainState`, so that a fault there is not repeated here.
///
/// Looks at the moment an entry gets its name, before its writer goes on: what the entry names
/// must be durable by then, whatever happens next.
final class ChainObserver: @unchecked Sendable {
  // @unchecked because only the simulated thread that has the turn looks, and holds it meanwhile.
  private struct Partition {
    var to: Int64
    var version: Int64
    var clockMicros: Int64?
    /// Whether a record of it was committed.
    var hasWitness = false
    /// Paths of the newest two snapshots, newest last.
    var states: [String] = []
    /// Where it was found idle, all of them.
    var idleOffsets: [Int64] = []
  }

  private let disk: ObservedDisk
  private let list: ViolationList
  private let tally: FaultTally
  private var nextVersion: Int64 = 0
  private var partitions: [PartitionKey: Partition] = [:]
  /// The newest entry that brought dead letters back; -1 before the first.
  private var lastReplay: Int64 = -1
  /// By version: what the chain looked like before it, to go back when a crash takes an entry that
  /// nobody had acted on.
  private var history: [Int64: (partitions: [PartitionKey: Partition], lastReplay: Int64)] = [:]
  /// Number of commits seen, for the report.
  private(set) var commitCount = 0

  init(disk: ObservedDisk, list: ViolationList, tally: FaultTally) {
    self.tally = tally
    self.disk = disk
    self.list = list
  }

  /// The next offset to account for of every open partition, as of the last entry seen.
  var ends: [PartitionKey: Int64] { partitions.mapValues(\.to) }

  /// The same, of partitions that a record was committed of: only it tells one topic from another.
  var endsWithWitness: [PartitionKey: Int64] {
    partitions.filter { $0.value.hasWitness }.mapValues(\.to)
  }

  /// Where partitions of the first topics were found idle: what an undisturbed run must be told.
  var idleOffsets: [TopicPartition: [Int64]] {
    var offsets: [TopicPartition: [Int64]] = [:]
    for (key, known) in partitions where key.incarnation == 0 && !known.idleOffsets.isEmpty {
      offsets[TopicPartition(topic: key.topic, partition: key.partition)] = known.idleOffsets
    }
    return offsets
  }

  /// Paths of the newest two state snapshots of a partition, newest last.
  func states(of key: PartitionKey) -> [String] { partitions[key]?.states ?? [] }

  /// Something was linked below `_ledger`: takes in every entry that is new.
  func look() {
    while let bytes = disk.contents(Ledger.entryPath(nextVersion)) {
      let path = Ledger.entryPath(nextVersion)
      do {
        take(try LedgerEntry(parsing: bytes, path: path, version: nextVersion))
      } catch {
        list.check(.moveFollowsMove, "\(error)")
      }
      nextVersion += 1
    }
  }

  /// A crash of the machine may have taken entries whose names were not durable.
  func lookAfterCrash() {
    while nextVersion > 0, disk.contents(Ledger.entryPath(nextVersion - 1)) == nil,
      let before = history[nextVersion - 1]
    {
      partitions = before.partitions
      lastReplay = before.lastReplay
      nextVersion -= 1
    }
  }

  private func take(_ entry: LedgerEntry) {
    history[entry.version] = (partitions, lastReplay)
    checkReplay(entry)
    for opening in entry.openings { take(opening, version: entry.version) }
    for move in entry.partitions { take(move, of: entry) }
    for decision in entry.decisions where decision.kind == .partitionIdle {
      take(decision, of: entry)
    }
    for table in entry.tables {
      for action in table.actions {
        guard let path = action["add"]?["path"]?.stringValue else { continue }
        checkDurable("tables/\(table.table)/\(path)", named: entry)
      }
    }
    if entry.kind == .commit { checkAccounts(entry) }
  }

  /// Replays form a chain of their own: each has seen the marks of all before it. None moves
  /// anything.
  private func checkReplay(_ entry: LedgerEntry) {
    guard entry.kind == .replay else {
      if entry.replay != nil {
        list.check(
          .lettersComeBackOnce, "entry \(entry.version) is no replay and names one")
      }
      return
    }
    let name = "entry \(entry.version)"
    list.check(
      .lettersComeBackOnce,
      entry.replay?.previous == lastReplay
        ? nil
        : "\(name) knows of replay \(entry.replay?.previous ?? -2), the last was \(lastReplay)")
    list.check(
      .lettersComeBackOnce,
      entry.partitions.isEmpty && entry.openings.isEmpty && entry.decisions.isEmpty
        ? nil : "\(name) is a replay and moves partitions")
    lastReplay = entry.version
  }

  private func take(_ opening: TopicOpening, version: Int64) {
    for partition in opening.firstPartition..<opening.partitionCount {
      let key = PartitionKey(
        topic: opening.topic, incarnation: opening.incarnation, partition: partition)
      list.check(
        .moveFollowsMove, partitions[key] == nil ? nil : "entry \(version) opens \(key) again")
      let start = opening.startOffsets[Int(partition - opening.firstPartition)]
      partitions[key] = Partition(to: start, version: version)
    }
  }

  private func take(_ move: PartitionMove, of entry: LedgerEntry) {
    let name = "entry \(entry.version) moves \(move.key)"
    guard var known = partitions[move.key] else {
      list.check(.moveFollowsMove, "\(name), which is not open")
      return
    }
    list.check(
      .moveFollowsMove,
      move.from == known.to && move.to >= move.from
        ? nil : "\(name) from \(move.from) to \(move.to); it stood at \(known.to)")
    list.check(
      .moveNamesItsBase,
      move.previous == known.version
        ? nil : "\(name) based on \(move.previous); \(known.version) touched it last")
    if let state = move.state {
      list.check(
        .stateBelowMove,
        state.cut <= move.to ? nil : "\(name) to \(move.to) with a state at \(state.cut)")
      checkDurable(state.path, named: entry)
      known.states = (known.states + [state.path]).suffix(2)
    }
    // State that was lost with its records begins again where the snapshot before stood.
    let hasLostState = move.gaps.contains { $0.reason == "state" }
    if let before = known.clockMicros, !hasLostState {
      list.check(
        .clocksNeverGoBack,
        move.clockMicros.map { $0 >= before } ?? false
          ? nil : "\(name): its clock goes from \(before) to \(move.clockMicros ?? -1)")
    }
    known.to = move.to
    known.version = entry.version
    known.clockMicros = hasLostState ? move.clockMicros : move.clockMicros ?? known.clockMicros
    known.hasWitness = known.hasWitness || move.witness != nil
    partitions[move.key] = known
    commitCount += 1
  }

  /// Decisions follow each other as offsets do, inside the entry's move, and bring a state.
  private func take(_ decision: Decision, of entry: LedgerEntry) {
    let move = entry.partitions.first { $0.key == decision.key }
    let isInMove = move.map { ($0.from...$0.to).contains(decision.offset) } ?? false
    let last = partitions[decision.key]?.idleOffsets.last ?? -1
    list.check(
      .moveFollowsMove,
      isInMove && move?.state != nil && decision.offset >= last
        ? nil
        : "entry \(entry.version) finds \(decision.key) idle at \(decision.offset), the last "
          + "time was \(last)")
    partitions[decision.key]?.idleOffsets.append(decision.offset)
    tally.note(.partitionIdle)
  }

  private func checkDurable(_ path: String, named entry: LedgerEntry) {
    list.check(
      .durableBeforeNamed,
      disk.isDurable(path) ? nil : "entry \(entry.version) names \(path), which is not durable")
  }

  /// A table's log is about to say that it has taken entries up to `txnVersion`.
  func checkTableTakes(txnVersion: Int64, table: String) {
    for version in max(0, txnVersion - 3)...max(0, txnVersion) {
      let path = Ledger.entryPath(version)
      guard disk.contents(path) != nil else { continue }
      list.check(
        .durableBeforeNamed,
        disk.isDurable(path) ? nil : "\(table) takes entry \(version), which is not durable")
    }
    list.check(
      .tablesInStep,
      txnVersion < nextVersion
        ? nil : "\(table) takes entry \(txnVersion), the chain ends at \(nextVersion - 1)")
  }

  private func checkAccounts(_ entry: LedgerEntry) {
    var counters: [String: Int64] = [:]
    for counter in entry.counters { counters[counter.name] = counter.value }
    let consumed = ["read", "empty", "dead", "duplicate", "filtered"].reduce(Int64(0)) {
      $0 + (counters["records_" + $1] ?? 0)
    }
    var expected: Int64 = 0
    for move in entry.partitions {
      // A gap below `from` concerns the state only.
      let skipped = move.gaps.reduce(Int64(0)) { $0 + max(0, $1.to - max($1.from, move.from)) }
      expected += move.to - move.from - move.notDelivered - skipped
    }
    list.check(
      .oneOutcomePerOffset,
      consumed == expected
        ? nil : "entry \(entry.version) has \(consumed) outcomes for \(expected) records")
  }
}
