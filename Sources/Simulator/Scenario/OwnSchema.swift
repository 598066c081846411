import Base
import Decode

/// A descriptor set as somebody might bring it: a wide message with columns of every kind, and one
/// whose readings are the entries of a map. Its bytes are written here, so that a simulation needs
/// no protoc.
///
///     message Snapshot {                          message Values {
///       fields 1…15 as DeviceTelemetry has them     fields 1…5 as TelemetryBatch has them
///       optional string note = 16;                  map<string, double> values = 6;
///       optional Mode mode = 17;                    optional fixed64 time_unix_us = 7;
///       optional bytes raw = 18;                  }
///       optional google.protobuf.Timestamp fixed_at = 19;
///     }
enum OwnSchema {
  static let package = "fleet.own.v1"
  static let wideName = package + ".Snapshot"
  static let narrowName = package + ".Values"

  static let wideMetrics: [MessageMapping.Metric] =
    (DeviceTelemetryMessage.metricNames.prefix(4) + ["note", "mode", "raw", "fixed_at"]).map {
      .init(field: $0)
    }

  static func catalogue() throws(DescriptorSetError) -> MessageCatalogue {
    try MessageCatalogue(descriptorSet: descriptorSet, path: "the simulated fleet's schema")
  }

  // MARK: - Messages

  /// Appends the fields that a DeviceTelemetry does not have, each of them now and then.
  static func appendColumns(to writer: inout ByteWriter, random: inout SplitMix64) {
    if !random.oneIn(4) {
      let notes = ["", "nominal", "safe mode: über Äquator", "\u{1F6F0}", "x\"y\\z\n"]
      writer.append(notes.randomElement(using: &random) ?? "", field: 16)
    }
    // One number of four has no name.
    if !random.oneIn(3) {
      writer.append(varint: UInt64.random(in: 0...3, using: &random), field: 17)
    }
    if random.oneIn(2) {
      let bytes = (0..<Int.random(in: 0...6, using: &random)).map { _ in
        UInt8.random(in: 0...255, using: &random)
      }
      writer.append(bytes, field: 18)
    }
    if random.oneIn(2) {
      var time = ByteWriter()
      // From 1970 to beyond 2100.
      time.append(varint: UInt64.random(in: 0..<1 << 33, using: &random), field: 1)
      time.append(varint: UInt64.random(in: 0..<1_000_000_000, using: &random), field: 2)
      writer.append(time.bytes, field: 19)
    }
  }

  static func values(
    device: String?, timeMicros: UInt64, _ entries: [(key: String, value: Double)]
  ) -> [UInt8] {
    var writer = ByteWriter()
    if let device { writer.append(device, field: 1) }
    writer.append("us", field: 2)
    for entry in entries {
      var element = ByteWriter()
      element.append(entry.key, field: 1)
      element.append(fixed64: entry.value.bitPattern, field: 2)
      writer.append(element.bytes, field: 6)
    }
    writer.append(fixed64: timeMicros, field: 7)
    return writer.bytes
  }

  // MARK: - Descriptors

  /// Numbers of `FieldDescriptorProto.Type`.
  private enum Kind: UInt64 {
    case double = 1
    case int64 = 3
    case int32 = 5
    case fixed64 = 6
    case string = 9
    case message = 11
    case bytes = 12
    case uint64 = 4
    case enumeration = 14
  }

  private static let descriptorSet: [UInt8] = {
    var set = ByteWriter()
    set.append(timestampFile, field: 1)
    set.append(ownFile, field: 1)
    return set.bytes
  }()

  private static var timestampFile: [UInt8] {
    var file = ByteWriter()
    file.append("google/protobuf/timestamp.proto", field: 1)
    file.append("google.protobuf", field: 2)
    file.append(
      message("Timestamp", [field("seconds", 1, .int64), field("nanos", 2, .int32)]), field: 4)
    file.append("proto3", field: 12)
    return file.bytes
  }

  /// proto2, where every singular field is known to be there or not.
  private static var ownFile: [UInt8] {
    var file = ByteWriter()
    file.append("own.proto", field: 1)
    file.append(package, field: 2)
    file.append("google/protobuf/timestamp.proto", field: 3)
    file.append(valuesType, field: 4)
    file.append(snapshotType, field: 4)
    var mode = ByteWriter()
    mode.append("Mode", field: 1)
    for (number, name) in ["OFF", "SUN", "SAFE"].enumerated() {
      var value = ByteWriter()
      value.append(name, field: 1)
      value.append(varint: UInt64(number), field: 2)
      mode.append(value.bytes, field: 2)
    }
    file.append(mode.bytes, field: 5)
    return file.bytes
  }

  private static var snapshotType: [UInt8] {
    var fields = [
      field("device_id", 1, .string), field("time_unix_ms", 2, .fixed64),
      field("region", 3, .string), field("firmware", 4, .string), field("sequence", 5, .uint64),
    ]
    for (index, name) in DeviceTelemetryMessage.metricNames.enumerated() {
      fields.append(field(name, 6 + UInt64(index), .double))
    }
    fields += [
      field("note", 16, .string), field("mode", 17, .enumeration, of: ".\(package).Mode"),
      field("raw", 18, .bytes),
      field("fixed_at", 19, .message, of: ".google.protobuf.Timestamp"),
    ]
    return message("Snapshot", fields)
  }

  private static var valuesType: [UInt8] {
    var entry = ByteWriter()
    entry.append(field("key", 1, .string), field: 2)
    entry.append(field("value", 2, .double), field: 2)
    var options = ByteWriter()
    options.append(varint: 1, field: 7)
    var type = ByteWriter()
    type.append(
      message(
        "Values",
        [
          field("device_id", 1, .string), field("region", 2, .string),
          field("model", 4, .string), field("time_unix_us", 7, .fixed64),
          field("values", 6, .message, of: ".\(narrowName).ValuesEntry", isRepeated: true),
        ]))
    var nested = ByteWriter()
    nested.append("ValuesEntry", field: 1)
    nested.append(entry.bytes)
    nested.append(options.bytes, field: 7)
    type.append(nested.bytes, field: 3)
    return type.bytes
  }

  private static func message(_ name: String, _ fields: [[UInt8]]) -> [UInt8] {
    var message = ByteWriter()
    message.append(name, field: 1)
    for field in fields { message.append(field, field: 2) }
    return message.bytes
  }

  private static func field(
    _ name: String, _ number: UInt64, _ kind: Kind, of typeName: String? = nil,
    isRepeated: Bool = false
  ) -> [UInt8] {
    var field = ByteWriter()
    field.append(name, field: 1)
    field.append(varint: number, field: 3)
    field.append(varint: isRepeated ? 3 : 1, field: 4)
    field.append(varint: kind.rawValue, field: 5)
    if let typeName { field.append(typeName, field: 6) }
    return field.bytes
  }
}

/// Fields in the wire form: protobuf.dev, "Encoding".
extension ByteWriter {
  fileprivate mutating func append(varint value: UInt64, field: UInt64) {
    append(varint: field << 3)
    append(varint: value)
  }

  fileprivate mutating func append(fixed64 value: UInt64, field: UInt64) {
    append(varint: field << 3 | 1)
    append(littleEndian: value)
  }

  fileprivate mutating func append(_ bytes: [UInt8], field: UInt64) {
    append(varint: field << 3 | 2)
    append(varint: UInt64(bytes.count))
    append(bytes)
  }

  fileprivate mutating func append(_ text: String, field: UInt64) {
    append(Array(text.utf8), field: field)
  }
}
