package import Base

/// What one simulation came to: a line of the runner's input.
package struct SimulationReport: Sendable {
  package var seed: UInt64
  package var faults: [FaultKind: Int] = [:]
  /// Looks at each invariant, by number.
  package var checkCounts: [Int: Int] = [:]
  /// What did not hold; empty when all is well.
  package var violations: [String] = []
  package var commitCount = 0
  package var recordCount = 0
  package var processCount = 0
  package var stepCount = 0
  package var simulatedMillis: Int64 = 0

  package init(seed: UInt64) { self.seed = seed }

  package var json: JSONValue {
    .object([
      JSONMember("seed", .int(seed)),
      JSONMember(
        "faults",
        .object(
          FaultKind.allCases.compactMap { kind in
            faults[kind].map { JSONMember(kind.rawValue, .int($0)) }
          })),
      JSONMember(
        "checks",
        .object(
          checkCounts.sorted { $0.key < $1.key }.map { JSONMember("\($0.key)", .int($0.value)) })),
      JSONMember("violations", .array(violations.map { .string($0) })),
      JSONMember("commits", .int(commitCount)), JSONMember("records", .int(recordCount)),
      JSONMember("processes", .int(processCount)), JSONMember("steps", .int(stepCount)),
      JSONMember("simulated_ms", .int(simulatedMillis)),
    ])
  }

  /// Reads what `json` wrote; nil for anything else.
  package init?(_ json: JSONValue) {
    guard let seed = json["seed"]?.uint64Value, let faults = json["faults"]?.members,
      let checks = json["checks"]?.members, let violations = json["violations"]?.arrayValue
    else { return nil }
    self.seed = seed
    for fault in faults {
      guard let kind = FaultKind(rawValue: fault.name) else { return nil }
      self.faults[kind] = Int(fault.value.int64Value ?? 0)
    }
    for check in checks {
      guard let number = Int(check.name) else { return nil }
      checkCounts[number] = Int(check.value.int64Value ?? 0)
    }
    self.violations = violations.compactMap(\.stringValue)
    commitCount = Int(json["commits"]?.int64Value ?? 0)
    recordCount = Int(json["records"]?.int64Value ?? 0)
    processCount = Int(json["processes"]?.int64Value ?? 0)
    stepCount = Int(json["steps"]?.int64Value ?? 0)
    simulatedMillis = json["simulated_ms"]?.int64Value ?? 0
  }
}

/// What many simulations came to together.
package struct SimulationSummary: Sendable {
  package private(set) var seedCount = 0
  package private(set) var failed: [(seed: UInt64, violations: [String])] = []
  /// By kind: in how many simulations it was met, and how often in all.
  private var met: [FaultKind: (seeds: Int, times: Int)] = [:]
  private var checks: [Int: (seeds: Int, times: Int)] = [:]
  private var faultCounts: [Int] = []
  private var commitCount = 0
  private var recordCount = 0
  private var simulatedMillis: Int64 = 0

  package init() {}

  package mutating func add(_ report: SimulationReport) {
    seedCount += 1
    if !report.violations.isEmpty { failed.append((report.seed, report.violations)) }
    for (kind, count) in report.faults {
      met[kind, default: (0, 0)].seeds += 1
      met[kind, default: (0, 0)].times += count
    }
    for (number, count) in report.checkCounts {
      checks[number, default: (0, 0)].seeds += 1
      checks[number, default: (0, 0)].times += count
    }
    faultCounts.append(report.faults.values.reduce(0, +))
    commitCount += report.commitCount
    recordCount += report.recordCount
    simulatedMillis += report.simulatedMillis
  }

  package mutating func addDeath(seed: UInt64, detail: String) {
    seedCount += 1
    failed.append((seed, [detail]))
  }

  /// Faults in a simulation: the middle one of all.
  package var medianFaultCount: Int {
    faultCounts.isEmpty ? 0 : faultCounts.sorted()[faultCounts.count / 2]
  }

  /// Kinds of fault that no simulation has met.
  package var unmet: [FaultKind] { FaultKind.allCases.filter { met[$0] == nil } }

  /// The tables for people.
  package var text: String {
    var lines = ["fault                                            schedules     times"]
    for kind in FaultKind.allCases {
      let (seeds, times) = met[kind] ?? (0, 0)
      lines.append(Self.row(kind.rawValue, seeds, times))
    }
    lines += ["", "invariant                                        schedules    checks"]
    for (number, count) in checks.sorted(by: { $0.key < $1.key }) {
      lines.append(Self.row("I\(number)", count.seeds, count.times))
    }
    lines += [
      "",
      "\(seedCount) seeds, \(failed.count) failed; \(simulatedMillis / 3_600_000) h simulated, "
        + "\(recordCount) records, \(commitCount) moves committed, "
        + "\(medianFaultCount) faults in the median seed",
    ]
    return lines.joined(separator: "\n")
  }

  private static func row(_ name: String, _ first: Int, _ second: Int) -> String {
    func right(_ value: Int, _ width: Int) -> String {
      let text = value.description
      return String(repeating: " ", count: max(0, width - text.utf8.count)) + text
    }
    let name = name + String(repeating: " ", count: max(1, 48 - name.utf8.count))
    return name + right(first, 10) + right(second, 10)
  }
}
