/// How each satellite is heard: all the time through relays, or by one ground station, in passes.
struct FleetRoles: Equatable, Sendable {
  /// Of ten satellites, heard in passes.
  private static let passingOfTen = 3
  /// Of an orbit: about ten minutes of ninety.
  private static let contactShare = 0.11

  /// Place of the pass on the orbit, from 0 to 1; nil for a satellite that is always heard.
  private let passes: [Double?]

  init(deviceCount: Int, seed: UInt64) {
    var random = FleetRandom(seed: seed ^ 0x7061_7373_6573)
    passes = (0..<deviceCount).map { index in
      let place = random.unit()
      return index % 10 < Self.passingOfTen ? place : nil
    }
  }

  var passingDevices: [Int] { passes.indices.filter { passes[$0] != nil } }
  var steadyDevices: [Int] { passes.indices.filter { passes[$0] == nil } }

  func isHeardInPasses(_ device: Int) -> Bool { passes[device] != nil }

  /// Whether what a satellite measures at this time can be sent at once.
  func isInContact(_ device: Int, at micros: Int64) -> Bool {
    guard let place = passes[device] else { return true }
    let orbit = Double(micros % DemoPlan.orbitMicros) / Double(DemoPlan.orbitMicros)
    let since = orbit - place
    return (since < 0 ? since + 1 : since) < Self.contactShare
  }
}
