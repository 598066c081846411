/// What a name may be made of, by where it ends up.
struct NameRule: Sendable {
  let allowed: String
  let byteCountMax: Int
  private let isAllowed: @Sendable (UInt8) -> Bool

  /// Sources: the name becomes the table and folder `readings_<source>`, which catalogues compare
  /// without regard to case.
  static let table = NameRule(allowed: "lower-case letters, digits and `_`", byteCountMax: 64) {
    isDigit($0) || isLower($0) || $0 == UInt8(ascii: "_")
  }

  /// Columns: letters, digits, `_` (the whole of Delta's and Hive's common ground).
  static let column = NameRule(
    allowed: "letters, digits and `_`", byteCountMax: 128, isAllowed: isWordByte)

  /// Pipeline, windows, detectors: values in columns, parts of file names and group ids.
  static let label = NameRule(allowed: "letters, digits, `_` and `-`", byteCountMax: 64) {
    isWordByte($0) || $0 == UInt8(ascii: "-")
  }

  /// Kafka's own rule for topics (`Topic.validate` in the broker): also `.`, at most 249 bytes.
  static let topic = NameRule(allowed: "letters, digits, `.`, `_` and `-`", byteCountMax: 249) {
    isWordByte($0) || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: ".")
  }

  private init(allowed: String, byteCountMax: Int, isAllowed: @escaping @Sendable (UInt8) -> Bool) {
    self.allowed = allowed
    self.byteCountMax = byteCountMax
    self.isAllowed = isAllowed
  }

  func check(_ name: String) throws(ValueFault) {
    guard !name.isEmpty else { throw ValueFault("is empty; expected \(allowed)") }
    guard name.utf8.count <= byteCountMax else {
      throw ValueFault("has \(name.utf8.count) bytes; a name may have \(byteCountMax)")
    }
    guard name.utf8.allSatisfy(isAllowed) else {
      throw ValueFault("may only contain \(allowed)", suggestion: suggestion(for: name))
    }
  }

  private func suggestion(for name: String) -> String? {
    let mapped = name.unicodeScalars.map { scalar in
      if scalar.isASCII, isAllowed(UInt8(scalar.value)) { return String(scalar) }
      let lower = scalar.properties.lowercaseMapping
      return lower.utf8.count == 1 && lower.utf8.allSatisfy(isAllowed) ? lower : "_"
    }.joined()
    return mapped.utf8.allSatisfy { $0 == UInt8(ascii: "_") } ? nil : "did you mean `\(mapped)`?"
  }

  static func isWordByte(_ byte: UInt8) -> Bool {
    isDigit(byte) || isLower(byte) || isUpper(byte) || byte == UInt8(ascii: "_")
  }

  private static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }
  private static func isLower(_ byte: UInt8) -> Bool { (0x61...0x7A).contains(byte) }
  private static func isUpper(_ byte: UInt8) -> Bool { (0x41...0x5A).contains(byte) }
}
