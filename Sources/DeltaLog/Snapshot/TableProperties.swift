package import Base

/// The properties in a table's metaData that maintenance heeds (delta.io, "Delta table properties
/// reference"); a value that makes no sense counts as none.
package struct TableProperties: Sendable, Equatable {
  /// How long commits are kept behind a log checkpoint: `delta.logRetentionDuration`.
  package let logRetentionMillis: Int64?
  /// How long removed files are kept: `delta.deletedFileRetentionDuration`.
  package let deletedFileRetentionMillis: Int64?
  /// Commits from one log checkpoint to the next: `delta.checkpointInterval`.
  package let checkpointInterval: Int64?
  /// Whether rows may only come: `delta.appendOnly`. Compaction changes no row and is allowed.
  package let isAppendOnly: Bool
  /// Whether commits may be cleaned up: `delta.enableExpiredLogCleanup`.
  package let isLogCleanedUp: Bool

  /// - Parameter metaData: the body of a table's newest metaData action; nil for no table.
  package init(metaData: JSONValue?) {
    let configuration = metaData?["configuration"]
    func text(_ key: String) -> String? { configuration?[key]?.stringValue }
    logRetentionMillis = text("delta.logRetentionDuration").flatMap(IntervalText.millis)
    deletedFileRetentionMillis = text("delta.deletedFileRetentionDuration")
      .flatMap(IntervalText.millis)
    checkpointInterval = text("delta.checkpointInterval").flatMap { Int64($0) }
      .flatMap { $0 > 0 ? $0 : nil }
    isAppendOnly = text("delta.appendOnly")?.lowercased() == "true"
    isLogCleanedUp = text("delta.enableExpiredLogCleanup")?.lowercased() != "false"
  }
}

/// Durations as table properties write them: Spark's calendar intervals without months.
package enum IntervalText {
  private static let unitMillis: [String: Double] = [
    "nanosecond": 1e-6, "microsecond": 1e-3, "millisecond": 1, "second": 1000, "minute": 60_000,
    "hour": 3_600_000, "day": 86_400_000, "week": 604_800_000,
  ]

  /// Milliseconds of `interval 7 days` or `interval 1 day 12 hours`; nil for anything else, a
  /// negative interval included.
  package static func millis(_ text: String) -> Int64? {
    var words = text.lowercased().split(separator: " ").map(String.init)
    if words.first == "interval" { words.removeFirst() }
    guard !words.isEmpty, words.count % 2 == 0 else { return nil }
    var sum = 0.0
    for index in stride(from: 0, to: words.count, by: 2) {
      let unit = words[index + 1]
      let singular = unit.hasSuffix("s") ? String(unit.dropLast()) : unit
      guard let number = Int64(words[index]), number >= 0, let millis = unitMillis[singular] else {
        return nil
      }
      sum += Double(number) * millis
    }
    return sum < 1e18 ? Int64(sum) : nil
  }
}
