import Base
import DeltaLog
import Ledger

/// Invariant I4 of one entry: every offset it moves over has exactly one outcome, and the rows it
/// counts are in its files.
struct EntryAccounting {
  /// Tables whose rows a counter counts. Every readings table counts into one.
  enum Rows: String, CaseIterable {
    case readings, windows, anomalies
    case deadLetters = "dead_letters"
    case deadLetterReplays = "dead_letter_replays"
    case gaps

    static func of(table: String) -> Rows? {
      table.hasPrefix("readings_") ? .readings : Rows(rawValue: table)
    }

    /// The counters whose sum the rows are; none for gaps, which are counted in the moves.
    var counters: [String] {
      switch self {
      case .readings: ["readings"]
      case .windows: ["firings", "firings_again"]
      case .anomalies: ["anomalies_opened", "anomalies_escalated", "anomalies_closed"]
      case .deadLetters: ["dead_letters"]
      case .deadLetterReplays: ["dead_letters_replayed", "dead_letters_still_dead"]
      case .gaps: []
      }
    }
  }

  /// The five outcomes of a record.
  static let outcomes = [
    "records_read", "records_empty", "records_dead", "records_duplicate", "records_filtered",
  ]

  /// Beyond any offset or count there is; what lies below it can be added up without care.
  private static let sane: ClosedRange<Int64> = 0...(1 << 48)

  /// Why the entry's figures cannot be taken at all, or nil. `ChainState` adds them up.
  static func absurdity(of entry: LedgerEntry) -> String? {
    for counter in entry.counters where !sane.contains(counter.value) {
      return "its counter \(counter.name) is \(counter.value)"
    }
    for opening in entry.openings where !sane.contains(opening.incarnation) {
      return "it opens incarnation \(opening.incarnation) of \(opening.topic)"
    }
    for move in entry.partitions {
      let gaps = move.gaps.flatMap { [$0.from, $0.to] }
      for value in [move.from, move.to, move.notDelivered] + gaps where !sane.contains(value) {
        return "\(move.key) has an offset or a count of \(value)"
      }
    }
    return nil
  }

  /// The sentences of what does not add up; the entry has no absurdity.
  static func faults(of entry: LedgerEntry) -> [String] {
    guard entry.kind == .commit || entry.kind == .replay else { return [] }
    var counters: [String: Int64] = [:]
    for counter in entry.counters { counters[counter.name, default: 0] += counter.value }
    func sum(_ names: [String]) -> Int64 { names.reduce(0) { $0 + counters[$1, default: 0] } }

    var faults: [String] = []
    func compare(_ left: Int64, _ right: Int64, _ sentence: String) {
      if left != right { faults.append("\(sentence): \(left) and \(right)") }
    }
    let moved = entry.partitions.reduce(0) { $0 + $1.to - $1.from }
    let notDelivered = entry.partitions.reduce(0) { $0 + $1.notDelivered }
    let accounted = sum(outcomes) + notDelivered + entry.partitions.reduce(0) { $0 + skipped($1) }
    compare(moved, accounted, "the offsets moved over, and outcomes, not delivered and skipped")
    compare(
      notDelivered, sum(["records_not_delivered"]),
      "not delivered by the moves, and by the counter")

    var rows: [Rows: Int64] = [:]
    var files = FileCount()
    for table in entry.tables {
      for add in table.actions.lazy.compactMap({ $0["add"] }) {
        guard let facts = FileFacts(add: add, origin: .entry(entry.version)),
          let count = facts.rowCount
        else {
          faults.append("an add of table \(table.table) has no size or no number of rows")
          continue
        }
        files.add(facts.byteCount)
        if let kind = Rows.of(table: table.table) {
          rows[kind] = rows[kind, default: 0].addingClamped(count)
        }
      }
    }
    for kind in Rows.allCases where kind != .gaps {
      compare(
        rows[kind, default: 0], sum(kind.counters),
        "rows in the files of \(kind.rawValue), and counted")
    }
    let gapCount = entry.partitions.reduce(0) { $0 + Int64($1.gaps.count) }
    compare(rows[.gaps, default: 0], gapCount, "rows in the files of gaps, and gaps of the moves")
    compare(Int64(files.count), sum(["files"]), "files added, and counted")
    compare(files.byteCount, sum(["file_bytes"]), "bytes of the files added, and counted")
    return faults
  }

  /// Offsets of the move that Kafka no longer had; a gap of the state lies below it.
  private static func skipped(_ move: PartitionMove) -> Int64 {
    move.gaps.reduce(0) { $0 + max(0, $1.to - max($1.from, move.from)) }
  }
}
