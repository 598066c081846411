import ArgumentParser
import Base
import Glibc
import Simulator

/// Runs simulations: one seed as it happens, or thousands and what they came to.
@main
struct SimulatorCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "downlinkd-simulator",
    abstract: "Run the real pipeline through simulated disasters, a seed at a time.",
    discussion: """
      Each seed is a fleet, a configuration and a course of faults, over a simulated broker, disk
      and clock; afterwards the invariants of docs/ARCHITECTURE.md are checked. The same seed does
      the same again. Exit codes: 0 everything held, 1 a seed failed, or a kind of fault was not
      met by any of 1,000 seeds or more.
      """)

  @Option(help: "Run this one seed and tell what happens.")
  var seed: UInt64?

  @Option(help: "With --seed: write the files it leaves behind into this new folder.")
  var keep: String?

  @Option(help: "Number of seeds.")
  var seeds = 2_000

  @Option(help: "The first of them.")
  var first: UInt64 = 1

  @Option(help: "Processes at once.")
  var jobs = 2

  @Option(help: .hidden)
  var workerCount: Int?

  func run() throws {
    if let seed {
      try runOne(seed)
    } else if let workerCount {
      runWorker(count: workerCount)
    } else {
      try runMany()
    }
  }

  private func runOne(_ seed: UInt64) throws {
    Self.makeHashesRepeat()
    let folder = try keep.map { try KeptFolder($0) }
    let report = Simulation.run(seed: seed, say: { Self.say($0) }, keep: folder?.write)
    var summary = SimulationSummary()
    summary.add(report)
    print(summary.text)
    for violation in report.violations { print("VIOLATED \(violation)") }
    if !report.violations.isEmpty { throw ExitCode(1) }
  }

  /// Begins this program anew with hash tables in the same order in every run, if it has not been
  /// begun so: the standard library reads the variable before `main`.
  private static func makeHashesRepeat() {
    let name = "SWIFT_DETERMINISTIC_HASHING"
    if unsafe getenv(name) != nil { return }
    unsafe setenv(name, "1", 1)
    unsafe execv("/proc/self/exe", CommandLine.unsafeArgv)
    preconditionFailure("the program can be begun anew")
  }

  /// One line a seed, said before and after it: whoever dies in between is known by it.
  private func runWorker(count: Int) {
    for seed in first..<first + UInt64(count) {
      Self.say("begin \(seed)")
      let report = Simulation.run(seed: seed, say: nil)
      Self.say(String(decoding: report.json.bytes, as: UTF8.self))
    }
  }

  /// Writes a line at once: what was said is known even if the next moment is the last.
  private static func say(_ line: String) {
    let bytes = Array((line + "\n").utf8)
    _ = unsafe write(STDOUT_FILENO, bytes, bytes.count)
  }

  private func runMany() throws {
    let campaign = Campaign(first: first, seedCount: seeds, jobs: jobs)
    let summary = campaign.run()
    print(summary.text)
    for failure in summary.failed.sorted(by: { $0.seed < $1.seed }).prefix(20) {
      print("\nseed \(failure.seed) failed; again: downlinkd-simulator --seed \(failure.seed)")
      for violation in failure.violations.prefix(5) { print("  \(violation)") }
    }
    if seeds >= 1_000 {
      for kind in summary.unmet { print("no seed met: \(kind.rawValue)") }
      if !summary.unmet.isEmpty || summary.medianFaultCount < 5 { throw ExitCode(1) }
    }
    if !summary.failed.isEmpty { throw ExitCode(1) }
  }
}

/// A new folder that takes what a simulation leaves behind, for `downlinkd verify` and people.
private struct KeptFolder {
  let path: String

  init(_ path: String) throws {
    guard unsafe mkdir(path, 0o755) == 0 else {
      throw ValidationError("--keep \(path): \(unsafe String(cString: strerror(errno)))")
    }
    self.path = path
  }

  func write(_ name: String, _ bytes: [UInt8]) {
    var folder = path
    for part in name.split(separator: "/").dropLast() {
      folder += "/\(part)"
      _ = unsafe mkdir(folder, 0o755)
    }
    let file = unsafe fopen("\(path)/\(name)", "w")
    precondition(unsafe file != nil, "a file can be made in a folder that was just made: \(name)")
    let count = unsafe fwrite(bytes, 1, bytes.count, file)
    let isWritten = unsafe fclose(file) == 0 && count == bytes.count
    precondition(isWritten, "there is room for \(bytes.count) bytes of \(name)")
  }
}
