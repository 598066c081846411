import Base
import Decode
import Inference
import Telemetry

/// A random message type of one of the shapes that telemetry comes in, with records of it, and the
/// devices and times that any right mapping must find.
struct RandomFleet {
  /// One reading, as far as it does not depend on how metrics are mapped.
  struct Reading: Hashable {
    var device: String
    var micros: Int64
  }

  private enum Shape: CaseIterable { case wide, nested, wideRows, narrow, map }
  private enum Clock: String, CaseIterable { case seconds, millis, micros, nanos, stamp }

  private static let startMicros: Int64 = 1_781_000_000_000_000

  let proto: String
  private(set) var records: [SampleRecord] = []
  private(set) var expected: [Reading: Int] = [:]

  private let shape: Shape
  private let clock: Clock
  private let isDeviceKey: Bool
  private let metricCount: Int
  private var random: SplitMix64

  init(seed: UInt64) {
    random = SplitMix64(seed: seed)
    shape = Shape.allCases.randomElement(using: &random) ?? .wide
    clock = Clock.allCases.randomElement(using: &random) ?? .millis
    isDeviceKey = random.oneIn(4)
    metricCount = Int.random(in: 1...6, using: &random)
    let device = ["device_id", "serial", "vehicle", "id"].randomElement(using: &random) ?? "id"
    let time = ["at", "event_time", "ts", "sampled"].randomElement(using: &random) ?? "at"
    proto = Self.proto(
      shape, clock, device: isDeviceKey ? nil : device, time: time, metricCount: metricCount)
    let deviceCount = Int.random(in: 2...8, using: &random)
    let hasKeys = isDeviceKey || Bool.random(using: &random)
    for index in 0..<120 { append(index, deviceCount: deviceCount, hasKeys: hasKeys) }
  }

  // MARK: - The schema

  private static func proto(
    _ shape: Shape, _ clock: Clock, device: String?, time: String, metricCount: Int
  ) -> String {
    let timeType = clock == .stamp ? "google.protobuf.Timestamp" : "fixed64"
    let metrics = (0..<metricCount).map { "  optional double m\($0) = \(10 + $0);" }
    let deviceLine = device.map { ["  string \($0) = 1;"] } ?? []
    var inner: [String] = []
    var body = deviceLine + ["  optional string region = 3;", "  Mode mode = 4;"]
    let timeLine = "  \(timeType) \(time) = 2;"
    switch shape {
    case .wide: body += [timeLine] + metrics
    case .nested:
      body = ["  Head head = 1;", "  Body body = 2;"]
      inner = ["message Head {"] + deviceLine
        + [timeLine, "  optional string region = 3;", "  Mode mode = 4;", "}"]
      inner += ["message Body {"] + metrics + ["}"]
    case .wideRows:
      body += ["  repeated Row rows = 5;"]
      inner = ["message Row {", timeLine] + metrics + ["}"]
    case .narrow:
      body += ["  repeated Row rows = 5;"]
      inner = ["message Row {", timeLine, "  string name = 3;", "  double value = 4;", "}"]
    case .map: body += [timeLine, "  map<string, double> values = 5;"]
    }
    let lines = [
      "syntax = \"proto3\";", "package fleet;", "import \"google/protobuf/timestamp.proto\";",
      "enum Mode { SAFE = 0; NOMINAL = 1; }",
      // A type that the records are not of.
      "message Other { int64 a = 1; double b = 3; google.protobuf.Timestamp c = 4; }",
      "message Report {",
    ]
    return (lines + body + ["}"] + inner).joined(separator: "\n") + "\n"
  }

  // MARK: - Records

  private mutating func append(_ index: Int, deviceCount: Int, hasKeys: Bool) {
    let number = index % deviceCount
    let device = "unit-\(number)"
    // Whole seconds, so that every unit can hold them; readings of a device are 3 s apart.
    let micros = Self.startMicros + Int64(index) * 3_000_000
    let rowCount = shape == .wideRows || shape == .narrow ? 2 : 1
    var times: [Int64] = []
    var value: [UInt8] = []
    let words = text(3, number % 2 == 0 ? "eu" : "us") + integer(4, 1)
    let name = isDeviceKey ? [] : text(1, device)
    switch shape {
    case .wide: value = name + time(micros) + words + metrics()
    case .nested:
      value = field(1, name + time(micros) + words) + field(2, metrics())
    case .wideRows, .narrow:
      value = name + words
      for row in 0..<rowCount {
        let at = micros + Int64(row) * 1_000_000
        times.append(at)
        let inside = shape == .wideRows
          ? metrics() : text(3, "metric \(row)") + double(4, Double(index) + 0.5)
        value += field(5, time(at) + inside)
      }
    case .map:
      value = name + time(micros) + words
      for key in ["a", "b"] { value += field(5, text(1, key) + double(2, Double(index) + 1)) }
      times = [micros, micros]
    }
    if times.isEmpty { times = [micros] }
    for at in times { expected[Reading(device: device, micros: at), default: 0] += 1 }
    records.append(
      SampleRecord(
        partition: 0, offset: Int64(index), timestampMicros: micros + 2_250_000,
        key: hasKeys ? Array(device.utf8) : nil, value: value))
  }

  private mutating func metrics() -> [UInt8] {
    // One at least, so that nothing is empty.
    (0..<metricCount).flatMap { index -> [UInt8] in
      index > 0 && random.oneIn(5)
        ? [] : double(10 + UInt64(index), Double.random(in: -50...50, using: &random))
    }
  }

  private func time(_ micros: Int64) -> [UInt8] {
    switch clock {
    case .seconds: fixed64(2, UInt64(micros / 1_000_000))
    case .millis: fixed64(2, UInt64(micros / 1000))
    case .micros: fixed64(2, UInt64(micros))
    case .nanos: fixed64(2, UInt64(micros * 1000))
    case .stamp: field(2, integer(1, UInt64(micros / 1_000_000)))
    }
  }

  private func varint(_ value: UInt64) -> [UInt8] {
    var writer = ByteWriter()
    writer.append(varint: value)
    return writer.bytes
  }

  private func field(_ number: UInt64, _ content: [UInt8]) -> [UInt8] {
    varint(number << 3 | 2) + varint(UInt64(content.count)) + content
  }

  private func text(_ number: UInt64, _ text: String) -> [UInt8] { field(number, Array(text.utf8)) }

  private func integer(_ number: UInt64, _ value: UInt64) -> [UInt8] {
    varint(number << 3) + varint(value)
  }

  private func fixed64(_ number: UInt64, _ value: UInt64) -> [UInt8] {
    varint(number << 3 | 1) + (0..<8).map { UInt8(truncatingIfNeeded: value >> (8 * UInt64($0))) }
  }

  private func double(_ number: UInt64, _ value: Double) -> [UInt8] {
    fixed64(number, value.bitPattern)
  }

  // MARK: - What a plan reads

  /// The readings of all records, counted.
  func readings(by plan: DecodePlan) -> [Reading: Int] {
    var decoder = RecordDecoder(plan)
    var batch = ReadingBatch(schema: plan.schema)
    var vocabulary = Vocabulary(attributeCount: plan.schema.attributes.count)
    var faults: [RowFault] = []
    for record in records {
      let header = RecordHeader(
        kind: .record, partitionIndex: 0, offset: record.offset,
        timestampMicros: record.timestampMicros ?? ReadingBatch.absentTimestamp,
        hasAppendTime: false)
      let keyBytes = record.key ?? []
      let value = record.value ?? []
      let key: RawSpan? = unsafe record.key == nil ? nil : keyBytes.span.bytes
      _ = decoder.decode(
        header: header, key: key, payload: unsafe value.span.bytes, into: &batch,
        vocabulary: &vocabulary, faults: &faults)
    }
    var readings: [Reading: Int] = [:]
    for record in 0..<batch.recordCount where batch.recordDevices[record] != WordTable.none {
      let device = vocabulary.devices.text(of: batch.recordDevices[record])
      for row in batch.rows(ofRecord: record) {
        readings[Reading(device: device, micros: batch.rowEventTimes[row]), default: 0] += 1
      }
    }
    return readings
  }
}
