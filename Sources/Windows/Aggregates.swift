/// What a window says about its readings. The state keeps all of it whatever was asked for; the
/// choice decides which columns of `windows` are null.
package struct Aggregates: OptionSet, Sendable, Hashable {
  package let rawValue: UInt8

  package init(rawValue: UInt8) { self.rawValue = rawValue }

  /// How many values entered.
  package static let count = Aggregates(rawValue: 1 << 0)
  /// Mean × count, rounded to the nearest integer for integer metrics, whose sum is one.
  package static let sum = Aggregates(rawValue: 1 << 1)
  package static let mean = Aggregates(rawValue: 1 << 2)
  package static let min = Aggregates(rawValue: 1 << 3)
  package static let max = Aggregates(rawValue: 1 << 4)
  /// Of the sample (divides by count − 1); null for one value.
  package static let stddev = Aggregates(rawValue: 1 << 5)
  /// The value of the earliest event time; of equal times the one with the lower offset, then row.
  package static let first = Aggregates(rawValue: 1 << 6)
  /// The value of the latest event time; of equal times the one with the higher offset, then row.
  package static let last = Aggregates(rawValue: 1 << 7)

  package static let all = Aggregates(rawValue: 0xFF)

  /// The words of the configuration, in the order of the columns.
  package static let names: [(name: String, aggregate: Aggregates)] = [
    ("count", .count), ("sum", .sum), ("mean", .mean), ("min", .min), ("max", .max),
    ("stddev", .stddev), ("first", .first), ("last", .last),
  ]

  /// The aggregate of that name, or nil where there is none.
  package init?(name: String) {
    guard let match = Self.names.first(where: { $0.name == name }) else { return nil }
    self = match.aggregate
  }
}
