/// How much is open of one device.
package struct DeviceOpenCount: Equatable, Sendable {
  /// By vocabulary.
  package let device: UInt32
  package let count: Int
  package let worst: AnomalyEvent.Severity
}

extension PartitionDetectors {
  /// Devices of which anomalies are open, ascending. What is about many devices is nobody's. Cost:
  /// a look at every device.
  package var openCountsByDevice: [DeviceOpenCount] {
    slots.indices.compactMap { device in
      let severities = slots[device].slots.compactMap(\.severity)
      guard let worst = severities.max() else { return nil }
      return DeviceOpenCount(device: UInt32(device), count: severities.count, worst: worst)
    }
  }
}
