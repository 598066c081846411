/// Sizes as people write them: `64MB`, `1GiB`, `512KiB`.
///
/// `kB`, `MB`, `GB`, `TB` are powers of 1000, `KiB`, `MiB`, `GiB`, `TiB` powers of 1024, `B` is one
/// byte. The case of the letters does not matter.
enum ByteCountText {
  static let example = "a size such as 64MB or 1GiB"

  /// Largest first.
  static var unitNames: [String] { units.map(\.name) }

  private static let units: [(name: String, byteCount: Int64)] = [
    ("TiB", 1 << 40), ("TB", 1_000_000_000_000), ("GiB", 1 << 30), ("GB", 1_000_000_000),
    ("MiB", 1 << 20), ("MB", 1_000_000), ("KiB", 1 << 10), ("kB", 1000), ("B", 1),
  ]

  static func byteCount(_ text: String) throws(ValueFault) -> Int64 {
    if text == "0" { return 0 }
    guard let byteCount = parse(text) else { throw fault(for: text) }
    return byteCount
  }

  /// The text with the largest unit that divides `byteCount`.
  static func text(byteCount: Int64) -> String {
    let unit = units.first { byteCount != 0 && byteCount % $0.byteCount == 0 }
    guard let unit else { return "0B" }
    return "\(byteCount / unit.byteCount)\(unit.name)"
  }

  private static func parse(_ text: String) -> Int64? {
    let number = text.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
    let name = text.dropFirst(number.count).lowercased()
    guard let unit = units.first(where: { $0.name.lowercased() == name }) else { return nil }
    return DecimalText.scaled(number, by: unit.byteCount)
  }

  private static func fault(for text: String) -> ValueFault {
    if DecimalText.scaled(text[...], by: 1) != nil {
      return ValueFault("has no unit; expected \(example)", suggestion: "did you mean `\(text)B`?")
    }
    if text.hasPrefix("-"), parse(String(text.dropFirst())) != nil {
      return ValueFault("is negative; expected \(example)")
    }
    let squeezed = DecimalText.squeezed(text)
    let rewritten = [squeezed, squeezed + "B"].first { parse($0) != nil }
    return ValueFault(
      "is not a size; expected \(example)", suggestion: rewritten.map { "did you mean `\($0)`?" })
  }
}
