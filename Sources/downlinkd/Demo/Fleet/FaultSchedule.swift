/// Which satellites get which fault, and when: drawn from the seed, each on a satellite of its own.
enum FaultSchedule {
  /// Every kind this often in a fleet of a hundred or more, once in a smaller one.
  private static let countPerKindMax = 2

  /// The faults in the order in which they begin.
  ///
  /// They begin after the warm-up and early enough to be found. The second of a kind that readings
  /// show falls on a satellite heard in passes: its fault is known when it is next heard.
  static func draw(_ plan: DemoPlan, _ roles: FleetRoles) -> [InjectedFault] {
    var random = FleetRandom(seed: plan.seed ^ 0x6661_756C_7473)
    var steady = shuffled(roles.steadyDevices, &random)
    var passing = shuffled(roles.passingDevices, &random)
    var kinds: [(kind: InjectedFault.Kind, isPassing: Bool)] = []
    for round in 0..<(plan.deviceCount < 100 ? 1 : countPerKindMax) {
      for kind in InjectedFault.Kind.allCases {
        // A satellite between two passes is not missed; silence would only be its next pass.
        kinds.append((kind, isPassing: round == 1 && kind != .silence))
      }
    }
    let order = shuffled(Array(kinds.indices), &random)
    let span = latestStart(plan) - earliestStart(plan)
    var faults: [InjectedFault] = []
    for (slot, index) in order.enumerated() {
      let (kind, isPassing) = kinds[index]
      guard let device = isPassing ? passing.popLast() : steady.popLast() else { continue }
      let place = (Double(slot) + random.unit()) / Double(order.count)
      let micros = earliestStart(plan) + Int64(place * Double(span))
      faults.append(
        InjectedFault(
          kind: kind, device: device, startMicros: micros - micros % 1000,
          isHeardInPasses: isPassing))
    }
    return faults.sorted { $0.startMicros < $1.startMicros }
  }

  private static func earliestStart(_ plan: DemoPlan) -> Int64 {
    plan.startMicros + DemoPlan.warmUpMicros + DemoPlan.hour
  }

  /// The longest, the silence, is over half an hour before the end.
  private static func latestStart(_ plan: DemoPlan) -> Int64 {
    plan.endMicros - 270 * DemoPlan.minute
  }

  /// Fisher and Yates.
  private static func shuffled(_ items: [Int], _ random: inout FleetRandom) -> [Int] {
    var items = items
    for index in items.indices.dropFirst().reversed() {
      items.swapAt(index, random.below(index + 1))
    }
    return items
  }
}
