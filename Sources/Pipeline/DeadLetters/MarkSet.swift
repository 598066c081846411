import Ledger
import Storage
import TableReading

/// The marks of one date, by the place of their letters.
///
/// Letters of a flood lie at neighbouring offsets, so marks are kept as runs of offsets: memory
/// follows the number of runs, 16 bytes each, and 40 bytes a mark of a single row.
struct MarkSet {
  /// What the replays so far say of a letter.
  enum State: Equatable {
    /// It waits, and no replay has tried it.
    case untried
    /// It waits; replays have tried it.
    case stillDead
    /// It came back, or is known to hold nothing.
    case done(ReplayMark.Outcome)

    var isDone: Bool {
      if case .done = self { return true }
      return false
    }
  }

  /// A verdict that a mark gives; marks that say the same are equal.
  private struct Verdict: Hashable {
    var outcome: ReplayMark.Outcome
    var reason: String
    var config: String
  }

  private struct Places {
    var runs: [PartitionKey: OffsetRuns] = [:]
    var rows: Set<LetterPlace> = []

    mutating func insert(_ place: LetterPlace) {
      if place.rowIndex == nil {
        runs[place.key, default: OffsetRuns()].insert(place.offset)
      } else {
        rows.insert(place)
      }
    }

    func contains(_ place: LetterPlace) -> Bool {
      place.rowIndex == nil
        ? runs[place.key]?.contains(place.offset) ?? false : rows.contains(place)
    }
  }

  private var places: [Verdict: Places] = [:]

  /// Reads the marks of files of `dead_letter_replays`.
  ///
  /// Every file must be readable: a mark that is not seen would bring its letter back twice.
  static func read(
    _ files: [TableFile], _ storage: any Storage
  ) throws(StoredTableError) -> MarkSet {
    var set = MarkSet()
    for file in files {
      let rows = try StoredRows(file.path, storage)
      for rowGroup in 0..<rows.rowGroupCount { try set.take(rows, rowGroup) }
    }
    return set
  }

  private mutating func take(_ rows: StoredRows, _ rowGroup: Int) throws(StoredTableError) {
    let topics = try rows.texts("kafka_topic", rowGroup: rowGroup)
    let incarnations = try rows.integers("topic_incarnation", rowGroup: rowGroup)
    let partitions = try rows.integers("kafka_partition", rowGroup: rowGroup)
    let offsets = try rows.integers("kafka_offset", rowGroup: rowGroup)
    let rowIndexes = try rows.integers("row_index", rowGroup: rowGroup)
    let outcomes = try rows.texts("outcome", rowGroup: rowGroup)
    let reasons = try rows.texts("reason", rowGroup: rowGroup)
    let configs = try rows.texts("config", rowGroup: rowGroup)
    for row in 0..<rows.rowCount(ofGroup: rowGroup) {
      guard let topic = topics[row], let incarnation = incarnations[row],
        let partition = partitions[row].flatMap({ Int32(exactly: $0) }),
        let offset = offsets[row], (0...OffsetRuns.offsetMax).contains(offset),
        let outcome = outcomes[row].flatMap({ ReplayMark.Outcome(rawValue: $0) })
      else {
        throw StoredTableError("\(rows.path): row \(row) does not say which letter it marks")
      }
      let place = LetterPlace(
        key: PartitionKey(topic: topic, incarnation: incarnation, partition: partition),
        offset: offset, rowIndex: rowIndexes[row].map { UInt32(truncatingIfNeeded: $0) })
      let verdict = Verdict(
        outcome: outcome, reason: reasons[row] ?? "", config: configs[row] ?? "")
      places[verdict, default: Places()].insert(place)
    }
  }

  func state(of place: LetterPlace) -> State {
    var state = State.untried
    for (verdict, places) in places where places.contains(place) {
      if verdict.outcome.isFinal { return .done(verdict.outcome) }
      state = .stillDead
    }
    return state
  }

  /// Whether a mark that is to be made says nothing new: a letter that stays dead for the same
  /// reason under the same configuration is marked once, however often it is tried.
  func says(_ mark: ReplayMark, config: String) -> Bool {
    let verdict = Verdict(outcome: mark.outcome, reason: mark.reason ?? "", config: config)
    return places[verdict]?.contains(mark.place) ?? false
  }
}
