/// Text from outside, made fit to be seen: names of devices come from whoever may write to a
/// topic.
enum PlainText {
  /// The text with everything that steers a terminal or turns a line around written out as
  /// `\u{1B}`, so that what is seen is what is there.
  static func visible(_ text: String) -> String {
    guard text.unicodeScalars.contains(where: steers) else { return text }
    var result = ""
    for scalar in text.unicodeScalars {
      if steers(scalar) {
        result += "\\u{\(String(scalar.value, radix: 16, uppercase: true))}"
      } else {
        result.unicodeScalars.append(scalar)
      }
    }
    return result
  }

  /// As `visible`, and with what means something to HTML written as entities, both in text and in
  /// quoted attributes.
  static func html(_ text: String) -> String {
    var result = ""
    for character in visible(text).unicodeScalars {
      switch character {
      case "&": result += "&amp;"
      case "<": result += "&lt;"
      case ">": result += "&gt;"
      case "\"": result += "&quot;"
      case "'": result += "&#39;"
      default: result.unicodeScalars.append(character)
      }
    }
    return result
  }

  private static func steers(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.properties.generalCategory {
    case .control, .format, .lineSeparator, .paragraphSeparator: true
    default: false
    }
  }
}

/// Numbers as people read them.
enum Quantity {
  /// `1 234 567`: thin groups, since digits beyond six are not counted by eye.
  static func count(_ value: Int64) -> String {
    let digits = Array(String(value.magnitude))
    var groups = ""
    for (index, digit) in digits.enumerated() {
      if index > 0, (digits.count - index) % 3 == 0 { groups.append(" ") }
      groups.append(digit)
    }
    return (value < 0 ? "-" : "") + groups
  }

  /// `1 session`, `2 sessions`.
  static func count(_ value: Int64, of noun: String) -> String {
    "\(count(value)) \(noun)\(value == 1 ? "" : "s")"
  }

  /// `512 B`, `3.4 MiB`.
  static func bytes(_ value: Int64) -> String {
    var size = Double(value)
    var unit = "B"
    for next in ["KiB", "MiB", "GiB", "TiB"] where size.magnitude >= 1024 {
      size /= 1024
      unit = next
    }
    return unit == "B" ? "\(value) B" : "\(fixed(size, decimals: 1)) \(unit)"
  }

  /// `0.012 s`, `4.2 s`, `7 min 3 s`, `5 h 12 min`, `3 d 4 h`.
  static func duration(_ seconds: Double) -> String {
    if seconds < 1 { return "\(fixed(seconds, decimals: 3)) s" }
    if seconds < 60 { return "\(fixed(seconds, decimals: 1)) s" }
    guard let whole = Int64(exactly: seconds.rounded(.down)) else { return "forever" }
    if whole < 3600 { return "\(whole / 60) min \(whole % 60) s" }
    if whole < 86_400 { return "\(whole / 3600) h \(whole % 3600 / 60) min" }
    return "\(whole / 86_400) d \(whole % 86_400 / 3600) h"
  }

  /// With so many digits behind the point, at least one; halves away from 0.
  static func fixed(_ value: Double, decimals: Int) -> String {
    let scale = (0..<decimals).reduce(1.0) { scale, _ in scale * 10 }
    guard let scaled = Int64(exactly: (value.magnitude * scale).rounded()) else {
      return "\(value)"
    }
    let digits = String(scaled)
    let padded = String(repeating: "0", count: max(0, decimals + 1 - digits.count)) + digits
    let sign = value < 0 && scaled != 0 ? "-" : ""
    return "\(sign)\(padded.dropLast(decimals)).\(padded.suffix(decimals))"
  }
}
