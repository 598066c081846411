import Base

/// The clock of one device: 48 bytes.
struct DeviceState: Equatable {
  /// No event time below it is still expected; `EventTime.none` before the first reading.
  var watermark = EventTime.none
  /// The newest plausible event time.
  var newest = EventTime.none
  /// F: every window with data that ends at or before it has fired. Never below the watermark;
  /// above it after the device was idle.
  var firedThrough = EventTime.none
  /// D: windows that end at or before it are dropped. Never above F.
  var droppedThrough = EventTime.none
  /// The partition's clock at the last record; `EventTime.none` while that had no time.
  var lastRecordClock = EventTime.none
  /// The watermark at which something may become due: see `nextEdge(after:)`. Follows from the
  /// rest.
  var nextEdge = Int64.min

  /// Whether the saved times are ones that records can have led to: the first watermark brings F
  /// and D, D ≤ F, and no watermark overtakes the newest event time.
  var isSound: Bool {
    if watermark == EventTime.none {
      return firedThrough == EventTime.none && droppedThrough == EventTime.none
    }
    return droppedThrough != EventTime.none && droppedThrough <= firedThrough
      && watermark <= newest
  }
}

extension PartitionWindows {
  /// The next watermark at which it, or D behind it, reaches a slice edge.
  func nextEdge(after state: DeviceState) -> Int64 {
    let step = set.edgeMicros
    let firing = Timestamp.floor(state.watermark, toMultipleOf: step) + step
    let dropping =
      Timestamp.floor(state.droppedThrough, toMultipleOf: step) + step
      + set.options.allowedLatenessMicros
    return min(firing, dropping)
  }
}
