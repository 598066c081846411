/// Durations as people write them: `200ms`, `5s`, `1h30m`, `1.5h`, `2d`.
///
/// Units are `us`, `ms`, `s`, `m`, `h`, `d`, each at most once and the larger first. A fraction is
/// accepted where it comes to whole microseconds. Only `0` needs no unit.
enum DurationText {
  static let example = "a duration such as 30s, 5m or 1h30m"

  /// Largest first, as they must be written.
  static var unitNames: [String] { units.map(\.name) }

  private static let units: [(name: String, micros: Int64)] = [
    ("d", 86_400_000_000), ("h", 3_600_000_000), ("m", 60_000_000), ("s", 1_000_000),
    ("ms", 1000), ("us", 1),
  ]

  /// Words people use for the units; they are suggested, not accepted: one spelling in all files.
  private static let synonyms: [String: String] = [
    "day": "d", "days": "d", "hr": "h", "hrs": "h", "hour": "h", "hours": "h", "min": "m",
    "mins": "m", "minute": "m", "minutes": "m", "sec": "s", "secs": "s", "second": "s",
    "seconds": "s", "msec": "ms", "millis": "ms", "usec": "us", "micros": "us", "µs": "us",
  ]

  static func micros(_ text: String) throws(ValueFault) -> Int64 {
    if text == "0" { return 0 }
    guard let total = parse(text) else { throw fault(for: text) }
    return total
  }

  /// The shortest text that reads back as `micros`: `1h30m`.
  static func text(micros: Int64) -> String {
    var rest = micros
    var text = ""
    for unit in units where rest >= unit.micros {
      text += "\(rest / unit.micros)\(unit.name)"
      rest %= unit.micros
    }
    return text.isEmpty ? "0s" : text
  }

  private static func parse(_ text: String) -> Int64? {
    var rest = text[...]
    var total: Int64 = 0
    var unitMax = Int64.max
    while !rest.isEmpty {
      let number = rest.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
      let name = rest.dropFirst(number.count).prefix { $0.isASCII && $0.isLetter }
      guard let unit = units.first(where: { $0.name == name }), unit.micros < unitMax,
        let micros = DecimalText.scaled(number, by: unit.micros)
      else { return nil }
      let (sum, overflow) = total.addingReportingOverflow(micros)
      if overflow { return nil }
      total = sum
      unitMax = unit.micros
      rest = rest.dropFirst(number.count + name.count)
    }
    return text.isEmpty ? nil : total
  }

  private static func fault(for text: String) -> ValueFault {
    if DecimalText.scaled(text[...], by: 1) != nil {
      return ValueFault("has no unit; expected \(example)", suggestion: "did you mean `\(text)s`?")
    }
    if text.hasPrefix("-"), parse(String(text.dropFirst())) != nil {
      return ValueFault("is negative; expected \(example)")
    }
    let suggestion = rewritten(text).map { "did you mean `\($0)`?" }
    return ValueFault("is not a duration; expected \(example)", suggestion: suggestion)
  }

  /// What a text that is none most likely means: `1.5 hours`, `2w`, `,5h`, `PT1H30M` (ISO 8601).
  private static func rewritten(_ text: String) -> String? {
    var squeezed = DecimalText.squeezed(text).lowercased()
    if squeezed.hasPrefix("p"), squeezed.last?.isLetter == true {
      squeezed = squeezed.filter { $0 != "p" && $0 != "t" }
    }
    var rewritten = ""
    var rest = squeezed[...]
    while !rest.isEmpty {
      let number = rest.prefix { !$0.isLetter }
      let word = rest.dropFirst(number.count).prefix(while: \.isLetter)
      if ["w", "wk", "wks", "week", "weeks"].contains(word), let weeks = Int64(number),
        weeks < 1_000_000
      {
        rewritten += "\(weeks * 7)d"
      } else {
        rewritten += (number.hasPrefix(".") ? "0" : "") + number
        rewritten += synonyms[String(word)] ?? String(word)
      }
      rest = rest.dropFirst(number.count + word.count)
    }
    return parse(rewritten) == nil ? nil : rewritten
  }
}

extension Configuration {
  /// A duration as the file would have it, `1h30m`; microseconds, not negative.
  package static func text(durationMicros: Int64) -> String {
    DurationText.text(micros: durationMicros)
  }
}

/// Decimal numbers in exact integer arithmetic.
enum DecimalText {
  /// `number × unit` where `number` is `12` or `1.5` and the product is a whole number that fits.
  static func scaled(_ number: Substring, by unit: Int64) -> Int64? {
    let parts = number.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count <= 2, let whole = digits(parts[0]) else { return nil }
    let (scaled, overflow) = whole.multipliedReportingOverflow(by: unit)
    if overflow { return nil }
    guard parts.count == 2 else { return scaled }
    guard parts[1].utf8.count <= 6, let fraction = digits(parts[1]) else { return nil }
    var power: Int64 = 1
    for _ in parts[1].utf8 { power *= 10 }
    // fraction < 10^6 and unit ≤ 2^40 or a day in microseconds: the product stays below 2^63; a
    // unit of a slip may be larger.
    let (product, isTooLarge) = fraction.multipliedReportingOverflow(by: unit)
    guard !isTooLarge, product % power == 0 else { return nil }
    let (sum, sumOverflow) = scaled.addingReportingOverflow(product / power)
    return sumOverflow ? nil : sum
  }

  /// Without spaces, underscores and the commas between thousands; a decimal comma becomes a point.
  static func squeezed(_ text: String) -> String {
    let plain = text.filter { $0 != " " && $0 != "_" }
    let parts = plain.split(separator: ",", omittingEmptySubsequences: false)
    guard parts.count > 1 else { return plain }
    let areThousands = parts.dropFirst().allSatisfy { part in
      part.prefix { $0.isNumber }.count == 3
    }
    return parts.joined(separator: areThousands ? "" : ".")
  }

  /// Digits with `_` between them, as in `1_000_000`; nil for other texts with underscores.
  static func withoutUnderscores(_ text: String) -> String? {
    guard text.contains("_") else { return text }
    let bytes = Array(text.utf8)
    let isDigit = { (0...9).contains(Int(bytes[$0]) - 0x30) }
    for index in bytes.indices where bytes[index] == UInt8(ascii: "_") {
      guard index > 0, index + 1 < bytes.count, isDigit(index - 1), isDigit(index + 1) else {
        return nil
      }
    }
    return text.replacing("_", with: "")
  }

  /// The whole number that a text that is none most likely means: `10k`, `2M`, `1e6`, `1,000`.
  static func likelyWholeNumber(_ text: String) -> Int64? {
    let plain = squeezed(text)
    let letters: [Character: Int64] = ["k": 1000, "K": 1000, "M": 1_000_000, "G": 1_000_000_000]
    if let last = plain.last, let unit = letters[last] { return scaled(plain.dropLast(), by: unit) }
    let parts = plain.lowercased().split(separator: "e", omittingEmptySubsequences: false)
    if parts.count == 2, let exponent = Int(parts[1]), (0...15).contains(exponent) {
      return scaled(parts[0], by: (0..<exponent).reduce(1) { power, _ in power * 10 })
    }
    return scaled(plain[...], by: 1)
  }

  private static func digits(_ text: Substring) -> Int64? {
    guard !text.isEmpty, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
    return Int64(text)
  }
}
