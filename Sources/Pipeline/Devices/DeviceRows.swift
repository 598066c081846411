import Detectors
import Devices
import Ledger
import Telemetry
import Windows

/// What a partition knows of its devices at a cut: its rows of the table `devices`.
///
/// The directory and the words are shared with the lane until it goes on: to take them costs what
/// copying the times of all devices does, about 60 bytes each.
struct DeviceRows: Sendable {
  let key: PartitionKey
  let sourceIndex: Int
  /// Everything below this offset is in it.
  let cut: Int64
  let vocabulary: Vocabulary
  let directory: DeviceDirectory
  /// By device; those that event time has not met have none.
  let times: [DeviceTimes]
  /// Ascending by device.
  let open: [DeviceOpenCount]

  /// Devices that have a row, in the order of their ids' bytes: those of which records were read,
  /// now or before there was a directory.
  var devices: [UInt32] {
    vocabulary.devices.indexesInByteOrder().filter { device in
      Int(device) < directory.deviceCount && directory[Int(device)].isMet
        || times(of: device).newest != nil
    }
  }

  func times(of device: UInt32) -> DeviceTimes {
    Int(device) < times.count ? times[Int(device)] : DeviceTimes(isAwake: false)
  }
}

/// What the table was given last.
struct DevicesTold {
  /// Up to where; nil before the first time: whoever takes a partition up finds out what the table
  /// lacks.
  var cut: Int64?
  var atNanos: Int64 = 0
}

extension LanePartition {
  /// The rows of `devices`, where they are due and may differ from those that were taken last. To
  /// be asked right behind a cut.
  ///
  /// - Parameters:
  ///   - everyMillis: at most so often; nil: never.
  ///   - wanted: at an orderly stop, however long ago the last were.
  func takeDeviceRows(everyMillis: Int?, wanted: Bool, nowNanos: Int64) -> DeviceRows? {
    guard let everyMillis, !isReplaying, expected == cutFrom, devicesTold.cut != expected else {
      return nil
    }
    let isDue =
      devicesTold.cut == nil || nowNanos - devicesTold.atNanos >= Int64(everyMillis) * 1_000_000
    guard isDue || wanted else { return nil }
    devicesTold = DevicesTold(cut: expected, atNanos: nowNanos)
    return deviceRows
  }

  private var deviceRows: DeviceRows {
    DeviceRows(
      key: key, sourceIndex: sourceIndex, cut: expected, vocabulary: vocabulary,
      directory: devices, times: (0..<windows.deviceCount).map { windows.times(ofDevice: $0) },
      open: detectors.openCountsByDevice)
  }
}
