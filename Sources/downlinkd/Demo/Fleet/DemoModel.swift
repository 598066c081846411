/// How the ten values of the demonstration's satellites move.
///
/// An orbit takes 90 minutes; for 62 % of it the sun shines. Light warms battery and processor and
/// charges; in the shadow the battery feeds the bus. On each value lies the noise of its sensor,
/// and every satellite is a little different. Sums and products only: the same seed gives the same
/// bits on every machine.
struct DemoModel {
  private static let sunlitShare = 0.62

  private let phases: [Double]
  /// What makes a satellite different, from −1 to 1.
  private let offsets: [Double]
  private var random: FleetRandom

  init(deviceCount: Int, seed: UInt64) {
    var identityRandom = FleetRandom(seed: seed ^ 0x6F72_6269_74)
    phases = (0..<deviceCount).map { _ in identityRandom.unit() }
    offsets = (0..<deviceCount).map { _ in identityRandom.unit() * 2 - 1 }
    random = FleetRandom(seed: seed ^ 0x6E6F_6973_65)
  }

  /// The values measured at this time, in the order of `DeviceTelemetryMessage.metricNames`. Call
  /// it in the same order of devices and times to get the same values.
  mutating func values(device: Int, micros: Int64) -> [Double] {
    let turns = Double(micros % DemoPlan.orbitMicros) / Double(DemoPlan.orbitMicros)
    let shifted = turns + phases[device]
    let phase = shifted >= 1 ? shifted - 1 : shifted
    let isLit = phase < Self.sunlitShare
    let place = phase / Self.sunlitShare
    let light = isLit ? 4 * place * (1 - place) : 0
    // From 0 at dawn to 1 at dusk and back: no step in either.
    let filling = isLit ? place : 1 - (phase - Self.sunlitShare) / (1 - Self.sunlitShare)
    let offset = offsets[device]
    let solar = light > 0 ? max(0, 1180 * light + noise() * 12) : 0
    let bus = 430 + 25 * offset + noise() * 4
    let charge = 62 + 24 * filling + noise() * 0.2
    let voltage = 24.6 + 0.045 * charge + 0.2 * offset + noise() * 0.03
    return [
      Self.rounded(voltage, 1000),
      Self.rounded((solar - bus) / voltage + noise() * 0.1, 1000),
      Self.rounded(14 + 9 * light + 1.5 * offset + noise() * 0.4, 100),
      Self.rounded(charge, 100),
      Self.rounded(solar, 100),
      Self.rounded(bus, 100),
      Self.rounded(38 + 6 * light + 2 * offset + noise() * 0.8, 100),
      Self.rounded(11.5 + 2 * offset + noise() * 0.5, 100),
      Self.rounded(2400 + 150 * offset + noise() * 18, 10),
      Self.rounded(phase * 360, 100),
    ]
  }

  /// A sum of four: a bell of standard deviation 1.15 between −4 and 4.
  private mutating func noise() -> Double {
    2 * (random.unit() + random.unit() + random.unit() + random.unit()) - 4
  }

  /// To whole steps of a sensor: the double nearest to a decimal of few digits. Values are far
  /// below 2⁵³, so the conversion is exact.
  static func rounded(_ value: Double, _ stepsPerUnit: Double) -> Double {
    let steps = value * stepsPerUnit
    return Double(Int64(steps < 0 ? steps - 0.5 : steps + 0.5)) / stepsPerUnit
  }
}
