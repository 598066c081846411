import Ledger

/// What a replay came to.
package struct ReplayReport: Equatable, Sendable {
  /// Letters of one reason, and one of them as an example.
  package struct StillDead: Equatable, Sendable {
    package var count: Int64 = 0
    package var example: String
  }

  /// Letters that waited and were decoded again.
  package var letterCount: Int64 = 0
  /// Came back with readings.
  package var readCount: Int64 = 0
  /// Well-formed, and without a reading.
  package var emptyCount: Int64 = 0
  /// Readings that came back.
  package var readingCount: Int64 = 0
  /// Letters of rows and metrics that are unreadable in records that came back.
  package var newLetterCount: Int64 = 0
  /// By the reason as it is now.
  package var stillDead: [String: StillDead] = [:]
  /// Letters of topics that no source of the configuration reads: left as they are.
  package var withoutSource: [String: Int64] = [:]
  /// Letters left as they are, by the schema that the registry does not serve.
  package var withoutSchema: [Int32: Int64] = [:]
  /// Rows that were kept without the metric that could not be read: nothing to bring back.
  package var salvagedCount: Int64 = 0
  /// Entries that were put, oldest first.
  package var versions: [Int64] = []
  /// How often another replay came first, so that letters were looked at again.
  package var conflictCount = 0

  package init() {}

  package var stillDeadCount: Int64 { stillDead.values.reduce(0) { $0 + $1.count } }

  mutating func take(_ mark: ReplayMark) {
    letterCount += 1
    switch mark.outcome {
    case .read:
      readCount += 1
      readingCount += mark.readingCount
    case .empty: emptyCount += 1
    case .dead:
      let place = mark.place
      let row = mark.place.rowIndex.map { " row \($0)" } ?? ""
      let reason = mark.reason ?? ""
      let example = "\(place.key) offset \(place.offset)\(row): \(mark.detail ?? "")"
      stillDead[reason, default: StillDead(example: example)].count += 1
    }
  }
}
