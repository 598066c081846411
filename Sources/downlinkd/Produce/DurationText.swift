import ArgumentParser

/// A stretch of time as people write it: `250ms`, `1.5s`, `10m`, `2h`, `1d`.
struct DurationArgument: ExpressibleByArgument, Equatable, Sendable {
  let micros: Int64

  init(micros: Int64) { self.micros = micros }

  private static let units: [(suffix: String, micros: Int64)] = [
    ("us", 1), ("ms", 1000), ("s", 1_000_000), ("m", 60_000_000), ("h", 3_600_000_000),
    ("d", 86_400_000_000),
  ]

  /// Refuses negative durations, and those beyond a century.
  init?(argument: String) {
    let digits = argument.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
    let suffix = argument[digits.endIndex...]
    guard let unit = Self.units.first(where: { $0.suffix == suffix }),
      let count = Double(digits), count * Double(unit.micros) < 3.2e15
    else { return nil }
    micros = Int64((count * Double(unit.micros)).rounded())
  }

  var defaultValueDescription: String {
    for unit in Self.units.reversed() where micros % unit.micros == 0 && micros > 0 {
      return "\(micros / unit.micros)\(unit.suffix)"
    }
    return "0s"
  }
}
