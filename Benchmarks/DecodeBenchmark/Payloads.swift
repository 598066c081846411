import Base
import Decode

/// Messages of one kind, back to back, and the mapping they are decoded by.
struct Payloads {
  let name: String
  let plan: DecodePlan
  private(set) var bytes: [UInt8] = []
  private(set) var ends: [Int] = []

  init(name: String, plan: DecodePlan) {
    self.name = name
    self.plan = plan
  }

  mutating func append(_ message: [UInt8]) {
    bytes += message
    ends.append(bytes.count)
  }

  var count: Int { ends.count }

  func range(of index: Int) -> Range<Int> { (index == 0 ? 0 : ends[index - 1])..<ends[index] }

  /// A value that has as many digits as a sensor gives.
  static func value(_ record: Int, _ metric: Int) -> Double {
    Double((record * 31 + metric * 17) % 10_000) / 100
  }

  // MARK: - The three messages

  /// `DeviceTelemetry`: three words, a time, a sequence and ten metrics.
  static func wide(count: Int) throws -> Payloads {
    var payloads = Payloads(
      name: "DeviceTelemetry",
      plan: try DecodePlan(
        MessageMapping(
          source: "snapshots", messageName: "fleet.telemetry.v1.DeviceTelemetry",
          device: .field("device_id"), time: .init(field: "time_unix_ms", unit: .milliseconds),
          sequence: "sequence", attributes: [.init(field: "region"), .init(field: "firmware")],
          plausibleFromMicros: 946_684_800_000_000)))
    for record in 0..<count {
      var writer = ByteWriter()
      let message = DeviceTelemetryMessage(
        deviceID: "sat-\(10_000 + record * 7 % 5000)",
        timeUnixMillis: 1_790_000_000_000 + UInt64(record), region: "eu-north-\(record % 4)",
        firmware: "2.\(record % 9).1", sequence: UInt64(record),
        metrics: (0..<10).map { value(record, $0) })
      TelemetryEncoder.append(message, to: &writer)
      payloads.append(writer.bytes)
    }
    return payloads
  }

  /// `TelemetryBatch` with 1000 samples.
  static func batch(count: Int) throws -> Payloads {
    var payloads = Payloads(
      name: "TelemetryBatch",
      plan: try DecodePlan(
        MessageMapping(
          source: "samples", messageName: "fleet.telemetry.v1.TelemetryBatch", rows: "samples",
          device: .field("device_id"),
          time: .init(field: "samples.time_unix_us", unit: .microseconds), sequence: "sequence",
          attributes: [.init(field: "region"), .init(field: "firmware"), .init(field: "model")],
          narrowMetric: .init(nameField: "samples.metric", valueField: "samples.value"),
          plausibleFromMicros: 946_684_800_000_000)))
    for record in 0..<count {
      var writer = ByteWriter()
      let samples = (0..<1000).map { index in
        TelemetryBatchMessage.Sample(
          timeUnixMicros: 1_790_000_000_000_000 + UInt64(record * 1000 + index),
          metric: DeviceTelemetryMessage.metricNames[index % 10], value: value(record, index))
      }
      let message = TelemetryBatchMessage(
        deviceID: "inv-\(100 + record % 400)", region: "eu", firmware: "1.0", model: "m2",
        sequence: UInt64(record), samples: samples)
      TelemetryEncoder.append(message, to: &writer)
      payloads.append(writer.bytes)
    }
    return payloads
  }

  /// A message of 200 fields, of which a device, a time and three metrics are mapped.
  static func sparse(count: Int) throws -> Payloads {
    let catalogue = try MessageCatalogue(
      descriptorSet: SparseMessage.descriptorSet(), path: "the benchmark's schema")
    var payloads = Payloads(
      name: "5 of 200 fields",
      plan: try DecodePlan(
        MessageMapping(
          source: "sparse", messageName: "benchmark.Sparse", device: .field("f1"),
          time: .init(field: "f2", unit: .milliseconds),
          metrics: .list([.init(field: "f48"), .init(field: "f97"), .init(field: "f184")]),
          plausibleFromMicros: 946_684_800_000_000),
        catalogue: catalogue))
    for record in 0..<count { payloads.append(SparseMessage.encode(record)) }
    return payloads
  }
}

/// Two hundred fields of the types that telemetry has, all present: a string, a time, then
/// integers, strings, doubles and floats in turn.
enum SparseMessage {
  static let fieldCount = 200

  /// `FieldDescriptorProto.Type`: 1 double, 2 float, 3 int64, 6 fixed64, 9 string.
  private static func type(of number: Int) -> UInt64 {
    if number == 1 { return 9 }
    if number == 2 { return 6 }
    return [3, 9, 3, 1, 2][number % 5]
  }

  static func descriptorSet() -> [UInt8] {
    var message = ByteWriter()
    append("Sparse", field: 1, to: &message)
    for number in 1...fieldCount {
      var field = ByteWriter()
      append("f\(number)", field: 1, to: &field)
      append(UInt64(number), field: 3, to: &field)
      append(1, field: 4, to: &field)
      append(type(of: number), field: 5, to: &field)
      append(field.bytes, field: 2, to: &message)
    }
    var file = ByteWriter()
    append("sparse.proto", field: 1, to: &file)
    append("benchmark", field: 2, to: &file)
    append(message.bytes, field: 4, to: &file)
    var set = ByteWriter()
    append(file.bytes, field: 1, to: &set)
    return set.bytes
  }

  static func encode(_ record: Int) -> [UInt8] {
    var writer = ByteWriter()
    for number in 1...fieldCount {
      switch type(of: number) {
      case 1:
        writer.append(varint: UInt64(number) << 3 | 1)
        writer.append(littleEndian: Payloads.value(record, number).bitPattern)
      case 2:
        writer.append(varint: UInt64(number) << 3 | 5)
        writer.append(littleEndian: Float(Payloads.value(record, number)).bitPattern)
      case 3: append(UInt64(record * 131 + number * 977), field: number, to: &writer)
      case 6:
        writer.append(varint: UInt64(number) << 3 | 1)
        writer.append(littleEndian: 1_790_000_000_000 + UInt64(record))
      default:
        append(
          number == 1 ? "sat-\(10_000 + record * 7 % 5000)" : "word-\(number % 7)", field: number,
          to: &writer)
      }
    }
    return writer.bytes
  }

  private static func append(_ value: UInt64, field: Int, to writer: inout ByteWriter) {
    writer.append(varint: UInt64(field) << 3)
    writer.append(varint: value)
  }

  private static func append(_ text: String, field: Int, to writer: inout ByteWriter) {
    append(Array(text.utf8), field: field, to: &writer)
  }

  private static func append(_ bytes: [UInt8], field: Int, to writer: inout ByteWriter) {
    writer.append(varint: UInt64(field) << 3 | 2)
    writer.append(lengthPrefixed: bytes)
  }
}
