package import Base

/// Which rows a tap wants.
package struct TapFilter: Sendable, Equatable {
  /// A stream of rows.
  package enum Stream: String, CaseIterable, Sendable {
    case readings, windows, anomalies
  }

  package var stream: Stream
  /// Nil: whatever. A row that has no such thing (an anomaly of many devices has no device, a
  /// reading no detector) is not wanted by a pattern that asks for one.
  package var source: Glob?
  package var device: Glob?
  /// Of wide readings: the columns that are shown; one that has none of them is not wanted.
  package var metric: Glob?
  package var detector: Glob?
  package var severity: Glob?

  package init(_ stream: Stream) { self.stream = stream }

  func wantsDevice(_ name: ArraySlice<UInt8>?) -> Bool {
    guard let device else { return true }
    return name.map { device.matches($0) } ?? false
  }

  func wantsMetric(_ name: ArraySlice<UInt8>?) -> Bool {
    guard let metric else { return true }
    return name.map { metric.matches($0) } ?? false
  }
}
