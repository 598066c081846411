import Decode

/// How the ten values of every satellite of the fleet move.
///
/// An orbit takes 90 minutes; for 62 % of it the panels see the sun. Power, charge, current and
/// temperatures follow from where on its orbit a satellite is, and on each value lies a random
/// walk that is drawn back to zero. Sums, products and divisions only: the same seed gives the same
/// bits on every machine, which the functions of a mathematics library do not promise.
///
/// Cost: ten random numbers and about 60 operations a record.
struct FleetModel {
  static let metricCount = 10
  private static let orbitMicros: Int64 = 5_400_000_000
  private static let sunlitShare = 0.62

  /// Devices × metrics, row-major.
  private var walks: [Double]
  /// Where on its orbit a device is at time 0, from 0 to 1.
  private let phases: [Double]
  private var random: FleetRandom

  init(deviceCount: Int, seed: UInt64) {
    walks = Array(repeating: 0, count: deviceCount * Self.metricCount)
    var phaseRandom = FleetRandom(seed: seed ^ 0x7068_6173_65)
    phases = (0..<deviceCount).map { _ in phaseRandom.unit() }
    random = FleetRandom(seed: seed)
  }

  /// The device's next values, in the order of `DeviceTelemetryMessage.metricNames`.
  mutating func values(device: Int, micros: Int64) -> [10 of Double] {
    let first = device &* Self.metricCount
    for index in first..<first &+ Self.metricCount {
      // A step of up to ±1 and a pull of 2 %: the walk's standard deviation is near 2.9.
      walks[index] = walks[index] * 0.98 + (random.unit() * 2 - 1)
    }
    let turns = Double(micros % Self.orbitMicros) / Double(Self.orbitMicros) + phases[device]
    let phase = turns >= 1 ? turns - 1 : turns
    let light = Self.lobe(phase / Self.sunlitShare)
    // Charge rises while the sun shines and falls after it.
    let swing = Self.lobe(phase * 0.5 + 0.5) - Self.lobe(phase / 0.9)
    let solar = max(0, 1180 * light * (1 + walks[first &+ 4] * 0.01))
    let bus = 430 + walks[first &+ 5] * 6
    let charge = min(100, max(5, 74 - 14 * swing + walks[first &+ 3] * 0.4))
    let voltage = 24.6 + 0.045 * charge + walks[first] * 0.02
    return [
      Self.rounded(voltage, 1000),
      Self.rounded((solar - bus) / voltage + walks[first &+ 1] * 0.05, 1000),
      Self.rounded(14 + 9 * light + walks[first &+ 2] * 0.3, 100),
      Self.rounded(charge, 100),
      Self.rounded(solar, 100),
      Self.rounded(bus, 100),
      Self.rounded(38 + 6 * light + walks[first &+ 6] * 0.8, 100),
      Self.rounded(11.5 + walks[first &+ 7] * 0.5, 100),
      Self.rounded(2400 + walks[first &+ 8] * 18, 10),
      Self.rounded(phase * 360, 100),
    ]
  }

  /// A parabola over 0 to 1 with its top of 1 in the middle; 0 elsewhere.
  private static func lobe(_ place: Double) -> Double {
    place > 0 && place < 1 ? 4 * place * (1 - place) : 0
  }

  /// To whole steps of a sensor: the double nearest to a decimal of few digits. Values are far
  /// below 2⁵³, so the conversion is exact.
  private static func rounded(_ value: Double, _ stepsPerUnit: Double) -> Double {
    let steps = value * stepsPerUnit
    return Double(Int64(steps < 0 ? steps - 0.5 : steps + 0.5)) / stepsPerUnit
  }
}
