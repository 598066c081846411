import Base

@testable import Decode

/// Random descriptor sets: a root message, two messages that may stand in it, an enum, the
/// well-known types, with fields of every type, oneofs, maps, proto2 or proto3.
struct RandomSchema {
  var random: SplitMix64
  private var isProto3 = false
  /// Of the message at hand.
  private var usedNumbers: Set<Int> = []
  private var oneofNames: [String] = []

  init(random: SplitMix64) { self.random = random }

  /// The bytes of a set with `t.Root`.
  mutating func make() -> [UInt8] {
    isProto3 = Bool.random(using: &random)
    var file = Wire.text(1, "t.proto") + Wire.text(2, "t")
    for name in ["timestamp", "duration", "wrappers"] {
      file += Wire.text(3, "google/protobuf/\(name).proto")
    }
    for name in ["Root", "Inner", "Leaf"] { file += Wire.bytes(4, message(name)) }
    let values: [(String, UInt64)] = [("IDLE", 0), ("BUSY", 1), ("HOT", 7), ("COLD", 300)]
    let numbers = values.flatMap { Wire.bytes(2, Wire.text(1, $0.0) + Wire.integer(2, $0.1)) }
    file += Wire.bytes(5, Wire.text(1, "Mode") + numbers)
    file += Wire.text(12, isProto3 ? "proto3" : "proto2")
    return Self.wellKnown + Wire.bytes(1, file)
  }

  // MARK: - Messages

  private mutating func message(_ name: String) -> [UInt8] {
    usedNumbers = []
    // Those that stand for proto3's `optional` come after real ones.
    let hasChoice = Bool.random(using: &random)
    oneofNames = hasChoice ? ["choice"] : []
    var bytes = Wire.text(1, name)
    // What every mapping needs, so that most schemas can be mapped.
    if name == "Root" {
      bytes += field("id", number(), type: 9) + field("at", number(), type: timeType())
    }
    let count = Int.random(in: 3...9, using: &random)
    for index in 0..<count { bytes += anyField("f\(index)", in: name) }
    if hasChoice { bytes += oneof("choice", in: name) }
    return bytes + oneofNames.flatMap { Wire.bytes(8, Wire.text(1, $0)) }
  }

  private mutating func oneof(_ name: String, in message: String) -> [UInt8] {
    let types = (0..<Int.random(in: 2...4, using: &random)).map { _ in singularType(in: message) }
    return types.enumerated().flatMap { index, type in
      field("\(name)\(index)", number(), type: type.type, typeName: type.name, oneof: 0)
    }
  }

  /// A field of any type and label; a map sometimes.
  private mutating func anyField(_ name: String, in message: String) -> [UInt8] {
    if Int.random(in: 0..<8, using: &random) == 0 { return map(name, in: message) }
    let type = singularType(in: message)
    if Int.random(in: 0..<4, using: &random) == 0 {
      return field(name, number(), type: type.type, typeName: type.name, label: 3)
    }
    return field(name, number(), type: type.type, typeName: type.name)
  }

  private mutating func singularType(in message: String) -> (type: UInt64, name: String?) {
    switch Int.random(in: 0..<16, using: &random) {
    case 0: return (11, ".google.protobuf.Timestamp")
    case 1: return (11, ".google.protobuf.Duration")
    case 2:
      let wrappers = ["Double", "Float", "Int64", "UInt32", "Bool", "String", "Bytes"]
      return (11, ".google.protobuf.\(wrappers.randomElement(using: &random) ?? "Bool")Value")
    case 3, 4: return (14, ".t.Mode")
    case 5, 6: return (11, message == "Root" ? ".t.Inner" : ".t.Leaf")
    case 7: return (11, ".t.\(["Root", "Inner", "Leaf"].randomElement(using: &random) ?? "Leaf")")
    default:
      let scalars: [UInt64] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 12, 13, 15, 16, 17, 18]
      return (scalars.randomElement(using: &random) ?? 1, nil)
    }
  }

  private mutating func timeType() -> UInt64 {
    [3, 4, 6, 16, 18].randomElement(using: &random) ?? 3
  }

  /// A map: the field, and its entry as a nested type.
  private mutating func map(_ name: String, in message: String) -> [UInt8] {
    let entry = name.uppercased() + "Entry"
    let key: UInt64 = [9, 9, 9, 5, 4, 8, 18].randomElement(using: &random) ?? 9
    var value: (type: UInt64, name: String?) = (1, nil)
    repeat { value = singularType(in: message) } while value.type == 11
    let fields =
      entryField("key", 1, key, nil) + entryField("value", 2, value.type, value.name)
    let nested = Wire.text(1, entry) + fields + Wire.bytes(7, Wire.integer(7, 1))
    return Wire.bytes(3, nested)
      + field(name, number(), type: 11, typeName: ".t.\(message).\(entry)", label: 3)
  }

  private func entryField(
    _ name: String, _ number: UInt64, _ type: UInt64, _ typeName: String?
  ) -> [UInt8] {
    let typed = typeName.map { Wire.text(6, $0) } ?? []
    return Wire.bytes(
      2,
      Wire.text(1, name) + Wire.integer(3, number) + Wire.integer(4, 1) + Wire.integer(5, type)
        + typed)
  }

  /// A field's entry in its message. proto3's `optional` brings a oneof of its own.
  private mutating func field(
    _ name: String, _ number: UInt64, type: UInt64, typeName: String? = nil, label: UInt64 = 1,
    oneof: UInt64? = nil
  ) -> [UInt8] {
    var bytes = Wire.text(1, name) + Wire.integer(3, number) + Wire.integer(4, label)
    bytes += Wire.integer(5, type)
    if let typeName { bytes += Wire.text(6, typeName) }
    if let oneof {
      bytes += Wire.integer(9, oneof)
    } else if isProto3, label == 1, type != 11, Int.random(in: 0..<3, using: &random) == 0 {
      bytes += Wire.integer(9, UInt64(oneofNames.count)) + Wire.integer(17, 1)
      oneofNames.append("_\(name)")
    } else if label == 3, type != 9, type != 11, type != 12, Bool.random(using: &random) {
      bytes += Wire.bytes(8, Wire.integer(2, 1))
    }
    return Wire.bytes(2, bytes)
  }

  private mutating func number() -> UInt64 {
    while true {
      let number =
        switch Int.random(in: 0..<10, using: &random) {
        case 0: Int.random(in: 2048...18_000, using: &random)
        case 1, 2: Int.random(in: 16...200, using: &random)
        case 3: Int.random(in: 1...536_870_911, using: &random)
        default: Int.random(in: 1...15, using: &random)
        }
      if !(19_000...19_999).contains(number), usedNumbers.insert(number).inserted {
        return UInt64(number)
      }
    }
  }

  // MARK: - Well-known types

  private static let wellKnown: [UInt8] =
    wellKnownFile("timestamp", [("Timestamp", [("seconds", 3), ("nanos", 5)])])
    + wellKnownFile("duration", [("Duration", [("seconds", 3), ("nanos", 5)])])
    + wellKnownFile(
      "wrappers",
      [
        ("DoubleValue", [("value", 1)]), ("FloatValue", [("value", 2)]),
        ("Int64Value", [("value", 3)]), ("UInt64Value", [("value", 4)]),
        ("Int32Value", [("value", 5)]), ("UInt32Value", [("value", 13)]),
        ("BoolValue", [("value", 8)]), ("StringValue", [("value", 9)]),
        ("BytesValue", [("value", 12)]),
      ])

  private static func wellKnownFile(
    _ name: String, _ messages: [(name: String, fields: [(name: String, type: UInt64)])]
  ) -> [UInt8] {
    var file = Wire.text(1, "google/protobuf/\(name).proto") + Wire.text(2, "google.protobuf")
    for message in messages {
      let fields = message.fields.enumerated().flatMap { index, field in
        Wire.bytes(
          2,
          Wire.text(1, field.name) + Wire.integer(3, UInt64(index + 1)) + Wire.integer(4, 1)
            + Wire.integer(5, field.type))
      }
      file += Wire.bytes(4, Wire.text(1, message.name) + fields)
    }
    return Wire.bytes(1, file + Wire.text(12, "proto3"))
  }
}
