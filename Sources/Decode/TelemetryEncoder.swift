package import Base

/// The built-in message `fleet.telemetry.v1.DeviceTelemetry`, as a producer fills it.
package struct DeviceTelemetryMessage: Equatable, Sendable {
  /// Names of the ten metrics, in the order of `metrics` and of their field numbers 6…15.
  package static let metricNames = [
    "battery_voltage_v", "battery_current_a", "battery_temperature_c", "state_of_charge_pct",
    "solar_power_w", "bus_power_w", "cpu_temperature_c", "radio_snr_db", "wheel_speed_rpm",
    "panel_angle_deg",
  ]

  package var deviceID: String?
  /// Event time, milliseconds since 1970, UTC.
  package var timeUnixMillis: UInt64?
  package var region: String?
  package var firmware: String?
  package var sequence: UInt64?
  /// At most ten, in the order of `metricNames`; those left out are absent.
  package var metrics: [Double?]

  package init(
    deviceID: String? = nil, timeUnixMillis: UInt64? = nil, region: String? = nil,
    firmware: String? = nil, sequence: UInt64? = nil, metrics: [Double?] = []
  ) {
    self.deviceID = deviceID
    self.timeUnixMillis = timeUnixMillis
    self.region = region
    self.firmware = firmware
    self.sequence = sequence
    self.metrics = metrics
  }
}

/// The built-in message `fleet.telemetry.v1.TelemetryBatch`, as a producer fills it.
package struct TelemetryBatchMessage: Equatable, Sendable {
  /// One reading of one metric.
  package struct Sample: Equatable, Sendable {
    /// Event time, microseconds since 1970, UTC.
    package var timeUnixMicros: UInt64?
    package var metric: String?
    package var value: Double?

    package init(timeUnixMicros: UInt64? = nil, metric: String? = nil, value: Double? = nil) {
      self.timeUnixMicros = timeUnixMicros
      self.metric = metric
      self.value = value
    }
  }

  package var deviceID: String?
  package var region: String?
  package var firmware: String?
  package var model: String?
  package var sequence: UInt64?
  package var samples: [Sample]

  package init(
    deviceID: String? = nil, region: String? = nil, firmware: String? = nil, model: String? = nil,
    sequence: UInt64? = nil, samples: [Sample] = []
  ) {
    self.deviceID = deviceID
    self.region = region
    self.firmware = firmware
    self.model = model
    self.sequence = sequence
    self.samples = samples
  }
}

/// Writes the two built-in messages in the wire form, fields in the order of their numbers: for
/// `produce`, benchmarks and tests. The same message gives the same bytes as Google's encoders.
///
/// Source: protobuf.dev, "Encoding". Cost: no allocation but the writer's.
package enum TelemetryEncoder {
  /// Appends the message's bytes; at most ten metrics.
  package static func append(_ message: DeviceTelemetryMessage, to writer: inout ByteWriter) {
    precondition(
      message.metrics.count <= DeviceTelemetryMessage.metricNames.count,
      "a DeviceTelemetry has ten metrics")
    append(message.deviceID, field: 1, to: &writer)
    append(fixed64: message.timeUnixMillis, field: 2, to: &writer)
    append(message.region, field: 3, to: &writer)
    append(message.firmware, field: 4, to: &writer)
    append(varint: message.sequence, field: 5, to: &writer)
    for (index, value) in message.metrics.enumerated() {
      append(fixed64: value?.bitPattern, field: 6 + UInt64(index), to: &writer)
    }
  }

  /// Appends the message's bytes.
  package static func append(_ message: TelemetryBatchMessage, to writer: inout ByteWriter) {
    append(message.deviceID, field: 1, to: &writer)
    append(message.region, field: 2, to: &writer)
    append(message.firmware, field: 3, to: &writer)
    append(message.model, field: 4, to: &writer)
    append(varint: message.sequence, field: 5, to: &writer)
    for sample in message.samples {
      writer.append(varint: 6 << 3 | 2)
      writer.append(varint: UInt64(byteCount(of: sample)))
      append(fixed64: sample.timeUnixMicros, field: 1, to: &writer)
      append(sample.metric, field: 2, to: &writer)
      append(fixed64: sample.value?.bitPattern, field: 3, to: &writer)
    }
  }

  /// All field numbers of a sample are below 16, so every tag is one byte.
  private static func byteCount(of sample: TelemetryBatchMessage.Sample) -> Int {
    var count = sample.timeUnixMicros == nil ? 0 : 9
    count += sample.value == nil ? 0 : 9
    if let byteCount = sample.metric?.utf8.count {
      count += 1 + varintByteCount(of: byteCount) + byteCount
    }
    return count
  }

  private static func varintByteCount(of value: Int) -> Int {
    (Int.bitWidth - (value | 1).leadingZeroBitCount + 6) / 7
  }

  private static func append(_ text: String?, field: UInt64, to writer: inout ByteWriter) {
    guard let text else { return }
    writer.append(varint: field << 3 | 2)
    writer.append(lengthPrefixed: text)
  }

  private static func append(varint value: UInt64?, field: UInt64, to writer: inout ByteWriter) {
    guard let value else { return }
    writer.append(varint: field << 3)
    writer.append(varint: value)
  }

  private static func append(fixed64 value: UInt64?, field: UInt64, to writer: inout ByteWriter) {
    guard let value else { return }
    writer.append(varint: field << 3 | 1)
    writer.append(littleEndian: value)
  }
}
