import Base
import Synchronization

/// Where lanes show the rows they make to whoever looks on (`downlinkd tap`).
///
///     lanes ── TapSpan, one a run ──▶ TapHub ──▶ TapSubscription (bounded) ──▶ a reader
///
/// Looking on changes nothing and holds nobody up: what a reader does not take in time is left out
/// for that reader and counted. Rows are shown as they are made, before they are committed: after a
/// crash, or where a session begins anew, the same rows are made, and shown, again.
///
/// Cost: without a subscription one relaxed load a run of records. With one, a lane compares the
/// names of its rows with the patterns, and makes text of those that are wanted and have room.
package final class TapHub: Sendable {
  /// As many may look on at once.
  package static let subscriptionCountMax = 4

  private let isWantedFlag = Atomic(false)
  private let subscriptions = Monitor<[TapSubscription]>([])

  package init() {}

  /// Whether anybody looks on. May lag by a moment.
  package var isWanted: Bool { isWantedFlag.load(ordering: .relaxed) }

  /// Begins to look on; nil where `subscriptionCountMax` do already. Ends with `remove`.
  package func subscribe(_ filter: TapFilter, rowsPerSecondMax: Int) -> TapSubscription? {
    subscriptions.update { subscriptions in
      guard subscriptions.count < Self.subscriptionCountMax else { return nil }
      let subscription = TapSubscription(filter, rowsPerSecondMax: rowsPerSecondMax)
      subscriptions.append(subscription)
      isWantedFlag.store(true, ordering: .relaxed)
      return subscription
    }
  }

  /// Ends a subscription; doing it twice does nothing.
  package func remove(_ subscription: TapSubscription) {
    subscription.end()
    subscriptions.update { subscriptions in
      subscriptions.removeAll { $0 === subscription }
      if subscriptions.isEmpty { isWantedFlag.store(false, ordering: .relaxed) }
    }
  }

  /// Ends them all: the instance stops.
  package func end() {
    for subscription in subscriptions.update({ $0 }) { remove(subscription) }
  }

  /// Shows rows to everybody who looks on. Called by lanes.
  func show(_ span: TapSpan) {
    for subscription in subscriptions.update({ $0 }) {
      subscription.take(from: span, nowNanos: MonotonicClock.nowNanos())
    }
  }
}

/// One who looks on: what is wanted, and the rows that wait to be read.
///
/// **Invariants:** what waits is at most `byteCountMax` and a row; in no second more than
/// `rowsPerSecondMax` rows are taken; every row that was wanted is either taken or counted as left
/// out.
package final class TapSubscription: Sendable {
  /// Bytes that wait at most, but for the last row.
  package static let byteCountMax = 256 << 10

  package let filter: TapFilter
  private let rowsPerSecondMax: Int
  private let state = Monitor(State())

  private struct State {
    var lines: [UInt8] = []
    var rowCount = 0
    var leftOutCount = 0
    /// The second that is counted, and the rows taken in it.
    var second: Int64 = .min
    var rowsOfSecond = 0
    var hasEnded = false
  }

  /// What was read: lines of JSON, each with its line feed.
  package struct Reading: Sendable, Equatable {
    package var lines: [UInt8]
    package var rowCount: Int
    /// Wanted, but left out since the last reading.
    package var leftOutCount: Int
  }

  init(_ filter: TapFilter, rowsPerSecondMax: Int) {
    precondition(rowsPerSecondMax > 0, "a tap wants rows")
    self.filter = filter
    self.rowsPerSecondMax = rowsPerSecondMax
  }

  /// Takes the rows that are wanted, as far as there is room. The lock is held for moments only:
  /// rows are made into text outside of it.
  func take(from span: TapSpan, nowNanos: Int64) {
    let second = Timestamp.floorDivide(nowNanos, by: 1_000_000_000)
    let room = state.update { state -> (rows: Int, bytes: Int) in
      if state.hasEnded { return (0, 0) }
      if state.second != second {
        state.second = second
        state.rowsOfSecond = 0
      }
      return (rowsPerSecondMax - state.rowsOfSecond, Self.byteCountMax - state.lines.count)
    }
    var lines = TapLines(rowCountMax: room.rows, byteCountMax: room.bytes)
    span.write(to: &lines, filter)
    if lines.rowCount == 0 && lines.leftOutCount == 0 { return }
    state.update { state in
      if state.hasEnded { return }
      // Another lane may have come in between: the bound gives way by its rows, once.
      state.lines += lines.bytes
      state.rowCount += lines.rowCount
      state.rowsOfSecond += lines.rowCount
      state.leftOutCount += lines.leftOutCount
    }
  }

  /// What has come since the last reading, waiting for the first of it for a while; empty where
  /// nothing came, nil when the subscription has ended.
  package func read(timeoutMillis: Int) -> Reading? {
    let reading = state.wait(timeoutMillis: timeoutMillis) { state -> Reading?? in
      if state.hasEnded { return .some(nil) }
      if state.rowCount == 0 && state.leftOutCount == 0 { return nil }
      defer {
        state.lines = []
        state.rowCount = 0
        state.leftOutCount = 0
      }
      return Reading(
        lines: state.lines, rowCount: state.rowCount, leftOutCount: state.leftOutCount)
    }
    return reading ?? Reading(lines: [], rowCount: 0, leftOutCount: 0)
  }

  fileprivate func end() {
    state.update { state in
      state.hasEnded = true
      state.lines = []
    }
  }
}

/// Lines being written for one subscription, as far as it has room.
struct TapLines {
  private let rowCountMax: Int
  private let byteCountMax: Int
  private(set) var bytes: [UInt8] = []
  private(set) var rowCount = 0
  private(set) var leftOutCount = 0

  init(rowCountMax: Int, byteCountMax: Int) {
    self.rowCountMax = rowCountMax
    self.byteCountMax = byteCountMax
  }

  /// Adds a wanted row, or counts it as left out. `row` is asked only where there is room.
  mutating func append(_ row: () -> JSONValue) {
    guard rowCount < rowCountMax, bytes.count < byteCountMax else {
      leftOutCount += 1
      return
    }
    row().write(into: &bytes)
    bytes.append(UInt8(ascii: "\n"))
    rowCount += 1
  }
}
