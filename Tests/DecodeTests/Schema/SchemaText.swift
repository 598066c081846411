import Base

@testable import Decode

/// Random schemas as `.proto` text: every kind of field in proto2 and proto3, types that contain
/// each other, several files.
enum SchemaText {
  /// The type that everything is looked at from.
  static let root = "three.M0"

  /// `two.proto` is proto2, `three.proto` proto3 and imports it.
  static func files(seed: UInt64) -> [String: String] {
    var random = SplitMix64(seed: seed)
    var two = Writer(random: random, package: "two", isProto3: false)
    let twoText = two.file(imports: [], others: [])
    random = two.random
    var three = Writer(random: random, package: "three", isProto3: true)
    let threeText = three.file(imports: ["two.proto"], others: ["two.M0", "two.M1"])
    return ["two.proto": twoText, "three.proto": threeText]
  }

  private struct Writer {
    static let scalars = [
      "double", "float", "int64", "uint64", "int32", "fixed64", "fixed32", "bool", "string",
      "bytes", "uint32", "sfixed32", "sfixed64", "sint32", "sint64",
    ]
    static let keys = ["int32", "sint64", "fixed32", "bool", "string", "uint64", "sfixed32"]
    static let messageCount = 4

    var random: SplitMix64
    let package: String
    let isProto3: Bool
    private var number = 0
    private var numbers: Set<Int> = []

    init(random: SplitMix64, package: String, isProto3: Bool) {
      self.random = random
      self.package = package
      self.isProto3 = isProto3
    }

    mutating func file(imports: [String], others: [String]) -> String {
      var lines = ["syntax = \"\(isProto3 ? "proto3" : "proto2")\";", "package \(package);"]
      lines += imports.map { "import \"\($0)\";" }
      lines.append("enum Mode { OFF = 0; ON = 1; LATE = -7; FAR = 2000000000; }")
      let messages = (0..<Self.messageCount).map { "\(package).M\($0)" } + others
      for index in 0..<Self.messageCount {
        lines.append("message M\(index) {")
        numbers = [41]
        // So that no file imports in vain.
        if let other = others.first, index == 0 { lines.append("\(other) base = 41;") }
        lines += (0..<Int.random(in: 3...14, using: &random)).map { field($0, messages) }
        if Bool.random(using: &random) { lines += oneof(messages) }
        lines.append("}")
      }
      return lines.joined(separator: "\n") + "\n"
    }

    private mutating func field(_ index: Int, _ messages: [String]) -> String {
      let name = "f\(index)"
      let kind = Int.random(in: 0..<12, using: &random)
      if kind == 0 {
        let key = Self.keys.randomElement(using: &random) ?? "int32"
        return "map<\(key), \(type(messages))> \(name) = \(nextNumber());"
      }
      if kind == 1, !isProto3 {
        let label = ["optional", "repeated"].randomElement(using: &random) ?? "optional"
        let inner = "optional int32 a = 1; repeated string b = 2;"
        return "\(label) group G\(index) = \(nextNumber()) { \(inner) }"
      }
      if kind < 5 {
        let type = type(messages)
        let isPackable =
          !messages.contains(type) && type != "string" && type != "bytes"
        let packed = isPackable && Bool.random(using: &random)
          ? " [packed = \(Bool.random(using: &random))]" : ""
        return "repeated \(type) \(name) = \(nextNumber())\(packed);"
      }
      if isProto3 {
        let label = Bool.random(using: &random) ? "optional " : ""
        return "\(label)\(type(messages)) \(name) = \(nextNumber());"
      }
      if kind == 5 {
        return "required \(Self.scalars.randomElement(using: &random) ?? "bool") \(name)"
          + " = \(nextNumber());"
      }
      return "optional \(type(messages)) \(name) = \(nextNumber());"
    }

    private mutating func oneof(_ messages: [String]) -> [String] {
      let members = (0..<Int.random(in: 1...4, using: &random)).map {
        "\(type(messages)) o\($0) = \(nextNumber());"
      }
      return ["oneof choice {"] + members + ["}"]
    }

    private mutating func type(_ messages: [String]) -> String {
      switch Int.random(in: 0..<6, using: &random) {
      case 0: "\(package).Mode"
      case 1: messages.randomElement(using: &random) ?? "bool"
      default: Self.scalars.randomElement(using: &random) ?? "bool"
      }
    }

    /// Small numbers mostly, some that need more bytes of tag.
    private mutating func nextNumber() -> Int {
      while true {
        let range =
          Int.random(in: 0..<5, using: &random) == 0 ? 1...18_000 : 1...40
        let number = Int.random(in: range, using: &random)
        if numbers.insert(number).inserted { return number }
      }
    }
  }
}
