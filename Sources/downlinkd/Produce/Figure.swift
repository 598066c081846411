/// Numbers as people read them.
enum Figure {
  /// `1,234,567`
  static func count(_ value: Int) -> String {
    var digits = Array(String(value.magnitude).utf8)
    var place = digits.count - 3
    while place > 0 {
      digits.insert(UInt8(ascii: ","), at: place)
      place -= 3
    }
    return (value < 0 ? "-" : "") + String(decoding: digits, as: UTF8.self)
  }

  /// `1 file`, `2 files`
  static func count(_ value: Int, _ noun: String) -> String {
    "\(count(value)) \(noun)\(value == 1 ? "" : "s")"
  }

  /// Two decimals below 10, one below 100, else whole with separators.
  static func decimal(_ value: Double) -> String {
    let places = value < 10 ? 100.0 : value < 100 ? 10.0 : 1.0
    let scaled = Int((value * places).rounded())
    if places == 1 { return count(scaled) }
    let fraction = String(scaled % Int(places))
    let zeros = String(repeating: "0", count: (places == 100 ? 2 : 1) - fraction.utf8.count)
    return "\(scaled / Int(places)).\(zeros)\(fraction)"
  }

  /// `12.9 MB`, decimal units.
  static func bytes(_ count: Int) -> String {
    var value = Double(count)
    for unit in ["bytes", "kB", "MB", "GB"] {
      if value < 1000 { return unit == "bytes" ? "\(count) bytes" : "\(decimal(value)) \(unit)" }
      value /= 1000
    }
    return "\(decimal(value)) TB"
  }
}
