internal import Base

/// What is wrong with one value: the predicate of a sentence whose subject the reader adds.
struct ValueFault: Error {
  /// `is not a duration; expected …`.
  let message: String
  /// Whether `message` is the whole sentence, which names its subject itself.
  var isSentence = false
  let suggestion: String?

  init(_ message: String, suggestion: String? = nil) {
    self.message = message
    self.suggestion = suggestion
  }

  init(sentence: String, suggestion: String? = nil) {
    self.init(sentence, suggestion: suggestion)
    isSentence = true
  }

  /// The whole sentence about a value that is shown as `subject`.
  func sentence(about subject: String) -> String {
    isSentence ? message : "\(subject) \(message)"
  }
}

/// How a single value is read: what to expect, said in words, and the reading itself.
struct Format<Value> {
  /// For `expected …`: `a duration such as 30s`.
  let expected: String
  /// Whether a value is never quoted in a fault.
  var isSecret = false
  let read: (ConfigScalar) throws(ValueFault) -> Value

  /// The same format with a further condition or conversion.
  func then<Other>(_ next: @escaping (Value) throws(ValueFault) -> Other) -> Format<Other> {
    Format<Other>(expected: expected, isSecret: isSecret) { (scalar) throws(ValueFault) in
      try next(try read(scalar))
    }
  }
}

/// A value that is one of a fixed set of words.
protocol ConfigWord: RawRepresentable<String>, CaseIterable, Sendable {}

// MARK: - Texts

extension Format where Value == String {
  static var text: Format<String> {
    Format(expected: "a text") { (scalar) throws(ValueFault) in
      guard !scalar.text.isEmpty else { throw ValueFault("is empty; expected a text") }
      guard !scalar.text.utf8.contains(0) else { throw ValueFault("contains a NUL character") }
      return scalar.text
    }
  }

  static func name(_ rule: NameRule) -> Format<String> {
    Format(expected: "a name of \(rule.allowed)") { (scalar) throws(ValueFault) in
      try rule.check(scalar.text)
      return scalar.text
    }
  }

  static var topic: Format<String> {
    name(.topic).then { (topic) throws(ValueFault) in
      guard topic != ".", topic != ".." else { throw ValueFault("is not a name Kafka accepts") }
      return topic
    }
  }

  /// A path of Protobuf names: `position.altitude_km`; also a full message name.
  static var fieldPath: Format<String> {
    let expected = "a field path such as position.altitude_km"
    return Format(expected: expected) { (scalar) throws(ValueFault) in
      let parts = scalar.text.split(separator: ".", omittingEmptySubsequences: false)
      let isPath = parts.allSatisfy { part in
        guard let first = part.utf8.first, !(0x30...0x39).contains(first) else { return false }
        return part.utf8.allSatisfy(NameRule.isWordByte)
      }
      guard isPath else { throw ValueFault("is not \(expected)") }
      return scalar.text
    }
  }

  /// A path in the file system, made absolute from the folder of the configuration.
  static func path(in folder: String) -> Format<String> {
    text.then { (path) throws(ValueFault) in
      guard !path.hasPrefix("~") else {
        throw ValueFault(
          "starts with `~`, which is not expanded",
          suggestion: path.hasPrefix("~/") ? "write ${HOME}\(path.dropFirst())" : nil)
      }
      return PathText.resolve(path, in: folder)
    }
  }
}

extension Format where Value == Glob {
  /// A name in which `*` and `?` are wildcards.
  static var glob: Format<Glob> {
    Format(expected: "a name or a glob such as \"battery_*\"") { (scalar) throws(ValueFault) in
      guard !scalar.text.isEmpty else { throw ValueFault("is empty; expected a name or a glob") }
      if let odd = scalar.text.first(where: { ",[]{}\\ \t\n".contains($0) }) {
        throw ValueFault(
          "is not a glob: `\(String(odd).escapedControls)` has no place in it; `*` stands for any"
            + " characters, `?` for one")
      }
      return Glob(scalar.text)
    }
  }
}

// MARK: - Words, numbers and measures

extension Format where Value: ConfigWord {
  static var word: Format<Value> {
    let words = Value.allCases.map(\.rawValue)
    let expected = words.count == 1 ? words[0] : "one of " + words.joined(separator: ", ")
    return Format(expected: expected) { (scalar) throws(ValueFault) in
      if let value = Value(rawValue: scalar.text) { return value }
      let near = Suggestion.nearest(to: scalar.text, among: words)
      throw ValueFault(
        "is not known here; expected \(expected)",
        suggestion: near.map { "did you mean `\($0)`?" })
    }
  }
}

extension Format where Value == Bool {
  static var boolean: Format<Bool> {
    Format(expected: "true or false") { (scalar) throws(ValueFault) in
      switch scalar.text {
      case "true": return true
      case "false": return false
      default:
        let words = ["yes": "true", "on": "true", "no": "false", "off": "false"]
        throw ValueFault(
          "is not known here; expected true or false",
          suggestion: words[scalar.text.lowercased()].map { "write \($0)" })
      }
    }
  }
}

extension Format where Value == Int {
  static func wholeNumber(in range: ClosedRange<Int>) -> Format<Int> {
    let expected = "a whole number from \(range.lowerBound) to \(range.upperBound)"
    return Format(expected: expected) { (scalar) throws(ValueFault) in
      try refuseQuotedNumber(scalar)
      guard let digits = DecimalText.withoutUnderscores(scalar.text), let value = Int(digits),
        !digits.hasPrefix("+")
      else {
        let likely = DecimalText.likelyWholeNumber(scalar.text).map { Int($0) }
        throw ValueFault(
          "is not a whole number; expected \(expected)",
          suggestion: likely.flatMap { range.contains($0) ? "did you mean `\($0)`?" : nil })
      }
      guard range.contains(value) else { throw ValueFault("is out of range; expected \(expected)") }
      return value
    }
  }
}

extension Format where Value == Double {
  static var number: Format<Double> {
    Format(expected: "a number") { (scalar) throws(ValueFault) in
      try refuseQuotedNumber(scalar)
      // `Double` also reads hexadecimal, `inf` and `nan`, which no limit should be.
      let isDecimal = scalar.text.utf8.allSatisfy { "0123456789+-.eE".utf8.contains($0) }
      guard isDecimal, let value = Double(scalar.text), value.isFinite else {
        let plain = DecimalText.squeezed(scalar.text)
        throw ValueFault(
          "is not a number; expected a number such as 45 or -0.5",
          suggestion: Double(plain) != nil && plain != scalar.text
            && plain.utf8.allSatisfy { "0123456789-.".utf8.contains($0) }
            ? "did you mean `\(plain)`?" : nil)
      }
      return value
    }
  }

  static var numberFromZero: Format<Double> {
    number.then { (value) throws(ValueFault) in
      guard value >= 0 else { throw ValueFault("is negative; expected 0 or more") }
      return value
    }
  }
}

/// A number in quotes is a text. References to the environment are typed by what they hold.
private func refuseQuotedNumber(_ scalar: ConfigScalar) throws(ValueFault) {
  if scalar.isQuoted, !scalar.isFromEnvironment {
    throw ValueFault("is a text; expected a number", suggestion: "remove the quotes")
  }
}

extension Format where Value == Int64 {
  /// A duration in microseconds.
  static func duration(in range: ClosedRange<Int64>) -> Format<Int64> {
    Format(expected: DurationText.example) { (scalar) throws(ValueFault) in
      let micros = try DurationText.micros(scalar.text)
      guard range.contains(micros) else {
        throw ValueFault(
          "is out of range; expected \(DurationText.text(micros: range.lowerBound)) to "
            + DurationText.text(micros: range.upperBound))
      }
      return micros
    }
  }

  /// A count of bytes.
  static func byteCount(in range: ClosedRange<Int64>) -> Format<Int64> {
    Format(expected: ByteCountText.example) { (scalar) throws(ValueFault) in
      let byteCount = try ByteCountText.byteCount(scalar.text)
      guard range.contains(byteCount) else {
        throw ValueFault(
          "is out of range; expected \(ByteCountText.text(byteCount: range.lowerBound)) to "
            + ByteCountText.text(byteCount: range.upperBound))
      }
      return byteCount
    }
  }

  /// A civil date, as the microsecond of its start in UTC.
  static func date(in range: ClosedRange<Int64>) -> Format<Int64> {
    Format(expected: DateText.example) { (scalar) throws(ValueFault) in
      let micros = try DateText.micros(scalar.text)
      guard range.contains(micros) else {
        throw ValueFault(
          "is out of range; expected \(DateText.text(micros: range.lowerBound)) to "
            + DateText.text(micros: range.upperBound))
      }
      return micros
    }
  }
}
