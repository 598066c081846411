import Telemetry

/// What event time says of one device.
package struct DeviceTimes: Equatable, Sendable {
  /// The newest trusted event time, microseconds; nil before the first.
  package var newest: Int64?
  /// No event time below it is expected any more; nil before the first reading.
  package var watermark: Int64?
  /// Windows of the device that end at or before it are closed: none of them fires, or fires again,
  /// whatever comes. Nil before the first reading.
  package var closedThrough: Int64?
  /// Whether records of it came within `device_idle` of the partition's clock. One that is not
  /// awake may come back with what it has gathered meanwhile.
  package var isAwake: Bool

  package init(
    newest: Int64? = nil, watermark: Int64? = nil, closedThrough: Int64? = nil, isAwake: Bool
  ) {
    self.newest = newest
    self.watermark = watermark
    self.closedThrough = closedThrough
    self.isAwake = isAwake
  }
}

extension PartitionWindows {
  /// Devices that event time has met, by their indexes in the vocabulary.
  package var deviceCount: Int { devices.count }

  /// - Parameter device: below `deviceCount`.
  package func times(ofDevice device: Int) -> DeviceTimes {
    let state = devices[device]
    func known(_ time: Int64) -> Int64? { time == EventTime.none ? nil : time }
    return DeviceTimes(
      newest: known(state.newest), watermark: known(state.watermark),
      closedThrough: known(state.droppedThrough),
      isAwake: recency.isIn(.awake, UInt32(device)))
  }

  /// The last known attributes of every device, row by row; `WordTable.none` where unknown.
  package var attributeWords: [UInt32] { attributes }
}
