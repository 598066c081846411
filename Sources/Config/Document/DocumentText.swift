/// The text of a configuration file, checked before the YAML parser sees it.
///
/// The checks here make the parser's worst cases impossible: the size is bounded, the bytes are
/// UTF-8 without control characters, and there are too few aliases for a blow-up (with `n` aliases
/// a file can expand at most to 3^(n/3) times its size: 32 of them give about 10^5).
struct DocumentText: Sendable {
  /// 1 MiB. A configuration of a thousand detectors has about 100 KB.
  static let byteCountMax = 1 << 20
  /// More aliases (`*name`) than this are refused.
  static let aliasCountMax = 32

  let text: String
  /// The lines as libYAML counts them: also U+0085, U+2028 and U+2029 end a line.
  let lines: [Substring.UnicodeScalarView]

  /// What is wrong with the bytes; `position` as in `ConfigFault`.
  struct Refusal: Error {
    let position: ConfigPosition
    let message: String
    var suggestion: String? = nil
  }

  init(bytes: [UInt8]) throws(Refusal) {
    guard bytes.count <= Self.byteCountMax else {
      throw Refusal(
        position: .wholeFile,
        message: "the file has \(bytes.count) bytes; at most \(Self.byteCountMax) are accepted")
    }
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw Refusal(
        position: Self.endPosition(of: Self.validPrefix(of: bytes)),
        message: "the bytes here are not UTF-8", suggestion: "save the file as UTF-8")
    }
    self.init(valid: text)
    try checkCharacters()
    try checkAliases()
  }

  private init(valid text: String) {
    self.text = text
    lines = Self.split(text)
  }

  /// The text of a line (counted from 1), or nil beyond the end.
  func line(_ number: Int) -> String? {
    guard number >= 1, number <= lines.count else { return nil }
    return String(lines[number - 1])
  }

  // MARK: - Checks

  /// The printable set of YAML 1.2, section 5.1.
  private static func isAllowed(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0x09, 0x20...0x7E, 0x85, 0xA0...0xD7FF, 0xE000...0xFFFD, 0x10000...0x10FFFF: true
    default: false
    }
  }

  private func checkCharacters() throws(Refusal) {
    for (lineIndex, line) in lines.enumerated() {
      for (columnIndex, scalar) in line.enumerated() where !Self.isAllowed(scalar) {
        let code = String(scalar.value, radix: 16, uppercase: true)
        throw Refusal(
          position: ConfigPosition(line: lineIndex + 1, column: columnIndex + 1),
          message: "the control character U+\(String(repeating: "0", count: 4 - code.count))\(code)"
            + " is not allowed in YAML")
      }
    }
  }

  /// Counts what could be an alias: `*` and a word character, where a value may start. Comments and
  /// quoted texts are not told apart, so it may count too many, never too few.
  private func checkAliases() throws(Refusal) {
    var count = 0
    for (lineIndex, line) in lines.enumerated() {
      let scalars = Array(line)
      for column in scalars.indices where Self.mayBeAlias(scalars, at: column) {
        count += 1
        guard count <= Self.aliasCountMax else {
          throw Refusal(
            position: ConfigPosition(line: lineIndex + 1, column: column + 1),
            message: "more than \(Self.aliasCountMax) aliases (`*name`); files that could grow"
              + " without bound when aliases are followed are refused",
            suggestion: "write the values out; globs such as \"battery_*\" go in quotes")
        }
      }
    }
  }

  private static func mayBeAlias(_ line: [Unicode.Scalar], at column: Int) -> Bool {
    guard line[column] == "*", column + 1 < line.count else { return false }
    let next = line[column + 1]
    if next == " " || next == "\t" { return false }
    guard column > 0 else { return true }
    let before = line[column - 1]
    return !before.isASCII || " \t[{,:-?".unicodeScalars.contains(before)
  }

  // MARK: - Lines

  private static func split(_ text: String) -> [Substring.UnicodeScalarView] {
    let scalars = text.unicodeScalars
    var lines: [Substring.UnicodeScalarView] = []
    var start = scalars.startIndex
    var index = start
    while index < scalars.endIndex {
      let scalar = scalars[index]
      let next = scalars.index(after: index)
      switch scalar.value {
      case 0x0A, 0x0D, 0x85, 0x2028, 0x2029:
        lines.append(Substring(scalars[start..<index]).unicodeScalars)
        start = next
        if scalar.value == 0x0D, next < scalars.endIndex, scalars[next].value == 0x0A {
          start = scalars.index(after: next)
        }
        index = start
      default:
        index = next
      }
    }
    lines.append(Substring(scalars[start...]).unicodeScalars)
    return lines
  }

  /// Everything before the first byte that is not UTF-8.
  private static func validPrefix(of bytes: [UInt8]) -> String {
    var prefix = String.UnicodeScalarView()
    var decoder = UTF8()
    var input = bytes.makeIterator()
    while case .scalarValue(let scalar) = decoder.decode(&input) { prefix.append(scalar) }
    return String(prefix)
  }

  private static func endPosition(of text: String) -> ConfigPosition {
    let lines = split(text)
    return ConfigPosition(line: lines.count, column: lines[lines.count - 1].count + 1)
  }
}
