import Base
import Glibc
import Simulator

/// Many seeds in worker processes: a seed that traps or never ends takes its worker along, not the
/// campaign. Each worker has one processor, where passing turns between threads is cheapest.
final class Campaign: Sendable {
  private struct State {
    var next: UInt64
    /// Seeds outside the campaign's range that are still to be run.
    var found: [UInt64]
    var summary = SimulationSummary()
  }

  /// Seeds a worker gets at once: few enough that a late one does not hold up the end.
  private static let chunk: UInt64 = 20

  private let end: UInt64
  private let jobs: Int
  private let state: Monitor<State>

  init(first: UInt64, seedCount: Int, jobs: Int) {
    let end = first + UInt64(max(0, seedCount))
    self.end = end
    self.jobs = max(1, jobs)
    let found = Simulation.foundSeeds.filter { !(first..<end).contains($0) }
    state = Monitor(State(next: first, found: found))
  }

  func run() -> SimulationSummary {
    let threads = (0..<jobs).map { job in
      WorkerThread(name: "job-\(job)") { self.work(onProcessor: job) }
    }
    for thread in threads { thread.join() }
    return state.update { $0.summary }
  }

  private func work(onProcessor processor: Int) {
    while true {
      let range = state.update { state -> Range<UInt64> in
        if let seed = state.found.popLast() { return seed..<seed + 1 }
        defer { state.next = min(end, state.next + Self.chunk) }
        return state.next..<min(end, state.next + Self.chunk)
      }
      if range.isEmpty { return }
      run(range, onProcessor: processor)
    }
  }

  /// Runs a range, in as many workers as it takes.
  private func run(_ range: Range<UInt64>, onProcessor processor: Int) {
    var rest = range
    while !rest.isEmpty {
      let worker = Worker(range: rest, processor: processor)
      while let line = worker.nextLine() { take(line) }
      guard let death = worker.end() else { return }
      let seed = worker.begun ?? rest.lowerBound
      state.update { $0.summary.addDeath(seed: seed, detail: death) }
      rest = seed + 1..<max(seed + 1, rest.upperBound)
    }
  }

  private func take(_ line: String) {
    guard let json = try? JSONValue(parsing: Array(line.utf8)),
      let report = SimulationReport(json)
    else { return }
    state.update { $0.summary.add(report) }
  }
}

/// One worker process and its lines.
@safe
private final class Worker {
  private var stream: UnsafeMutablePointer<FILE>?
  /// The seed that was begun last.
  private(set) var begun: UInt64?
  private var isDone = true
  /// What it said besides: of a trap, the sentence.
  private var otherLines: [String] = []

  init(range: Range<UInt64>, processor: Int) {
    let count = sysconf(Int32(_SC_NPROCESSORS_ONLN))
    let command =
      "SWIFT_DETERMINISTIC_HASHING=1 SWIFT_BACKTRACE=enable=no taskset -c \(processor % count) "
      + "'\(Self.program)' --first \(range.lowerBound) --worker-count \(range.count) 2>&1"
    unsafe stream = popen(command, "r")
  }

  private static var program: String {
    var bytes = [CChar](repeating: 0, count: 4096)
    let count = unsafe readlink("/proc/self/exe", &bytes, bytes.count - 1)
    precondition(count > 0, "a process can read where its program lies")
    return String(decoding: bytes.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  func nextLine() -> String? {
    guard let stream = unsafe stream else { return nil }
    var line: UnsafeMutablePointer<CChar>?
    var capacity = 0
    defer { unsafe free(line) }
    guard unsafe getline(&line, &capacity, stream) > 0, let line = unsafe line else { return nil }
    let text = unsafe String(cString: line)
    if text.hasPrefix("begin ") {
      begun = UInt64(text.dropFirst(6).dropLast())
      isDone = false
    } else if text.hasPrefix("{") {
      isDone = true
    } else {
      // The sentence comes first; what follows are frames.
      if otherLines.count < 12 { otherLines.append(text) }
    }
    return text
  }

  /// Nil when it has done all it was asked to, else why it died.
  func end() -> String? {
    guard let stream = unsafe stream else { return "no worker could be started" }
    let status = unsafe pclose(stream)
    if status == 0 && isDone { return nil }
    return "the simulation died (\(status)): " + otherLines.joined()
  }
}
