import Pipeline
import Telemetry

/// The last quarter of an hour of a pipeline in a few figures, five seconds apart: what turns "how
/// much" into "more or less than before". The server notes it, whoever asks, so that a page has it
/// from its first look on.
///
/// **Invariants:** at most `countMax` points, oldest first. A point is six numbers: some 12 kB.
struct StatusHistory: Sendable {
  static let intervalNanos: Int64 = 5_000_000_000
  static let countMax = 180

  /// Figures of one moment, or of the stretch since the one before.
  struct Point: Sendable, Equatable {
    var atMicros: Int64
    /// Taken into state since the point before; nil for the first point.
    var recordsPerSecond: Double?
    /// Received from the brokers since then, as sent (compressed).
    var bytesPerSecond: Double?
    var lagRecords: Int64?
    var lagSeconds: Double?
    /// The largest of the partitions'.
    var watermarkLagSeconds: Double?
    /// Dead letters committed since the start.
    var deadLetterCount: Int64
  }

  private(set) var points: [Point] = []
  private var taken = TakenRecords()
  private var receivedByteCount: Int64 = 0
  private var notedAtNanos: Int64?

  /// Adds a point.
  /// - Parameter nowNanos: of a clock that is never set.
  mutating func note(_ status: PipelineStatus, nowNanos: Int64) {
    let takenCount = taken.countSinceLast(status)
    let received = max(0, status.receivedByteCount - receivedByteCount)
    receivedByteCount = status.receivedByteCount
    let seconds = notedAtNanos.map { Double(nowNanos - $0) / 1e9 }.flatMap { $0 > 0 ? $0 : nil }
    notedAtNanos = nowNanos
    points.append(
      Point(
        atMicros: status.nowMicros, recordsPerSecond: seconds.map { Double(takenCount) / $0 },
        bytesPerSecond: seconds.map { Double(received) / $0 }, lagRecords: status.lagRecords,
        lagSeconds: status.lagSeconds, watermarkLagSeconds: status.watermarkLagSeconds,
        deadLetterCount: status.deadLetterCount))
    if points.count > Self.countMax { points.removeFirst(points.count - Self.countMax) }
  }
}

extension PipelineStatus {
  /// The largest of the partitions': how far their newest watermark is behind the wall clock; nil
  /// where none has one.
  var watermarkLagSeconds: Double? {
    partitions.compactMap(\.watermarkMicros).min().map { seconds(since: $0) }
  }

  /// Committed since the start.
  var deadLetterCount: Int64 {
    labelledTotals("dead_letters", labels: ["reason"]).reduce(0) { $0 + $1.total }
  }
}
