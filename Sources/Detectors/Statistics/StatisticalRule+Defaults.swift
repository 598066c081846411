extension StatisticalRule {
  /// The rule where the configuration names nothing but a kind and `every`: docs/DETECTORS.md says
  /// on which data each number was chosen.
  package static func defaults(kind: Kind, everyMicros: Int64) -> StatisticalRule {
    let halfLifeMicros = 1_000 * everyMicros
    return StatisticalRule(
      kind: kind, everyMicros: everyMicros, halfLifeMicros: halfLifeMicros,
      fastHalfLifeMicros: 10 * everyMicros, warmUpMicros: 500 * everyMicros,
      refractoryMicros: 100 * everyMicros, falseAlarmEveryMicros: 30 * 86_400 * 1_000_000,
      changeMin: 0)
  }
}
