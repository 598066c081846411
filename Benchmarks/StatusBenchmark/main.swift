import Base
import Glibc
import Logging
import Metrics
import Pipeline
import Status
import Telemetry

// What a scrape costs: making the pages of an instance with many partitions, and asking for them
// over the loopback.
//
//     StatusBenchmark [--partitions N] [--repeat N] [--clients N]
//
// Prints the best time of `--repeat` for each page and its size, a hash of `/metrics`, the times of
// scrapes one after the other, each of which is made anew, and of `--clients` scrapes at once.

struct Arguments {
  var partitionCount: Int32 = 256
  var repetitionCount = 20
  var clientCount = 200

  init(_ arguments: [String]) {
    var rest = arguments.dropFirst()
    while let argument = rest.popFirst() {
      switch argument {
      case "--partitions":
        partitionCount = rest.popFirst().flatMap { Int32($0) } ?? partitionCount
      case "--repeat": repetitionCount = rest.popFirst().flatMap { Int($0) } ?? repetitionCount
      case "--clients": clientCount = rest.popFirst().flatMap { Int($0) } ?? clientCount
      default:
        print("unknown argument \(argument)")
        exit(2)
      }
    }
  }
}

/// An instance at work: everything is known of every partition.
func exampleStatus(partitionCount: Int32) -> PipelineStatus {
  let now: Int64 = 1_795_246_320_000_000
  var status = PipelineStatus(
    pipeline: "benchmark", program: "downlinkd 0.0.0", configFingerprint: "0123456789abcdef",
    startedAtMicros: now - 3_600_000_000)
  status.nowMicros = now
  status.phase = .running
  status.partitions = (0..<partitionCount).map { number in
    var partition = PipelineStatus.Partition(
      topicPartition: TopicPartition(topic: "telemetry", partition: number), incarnation: 0,
      lane: Int(number) % 8)
    partition.nextOffset = 1_000_000 + Int64(number)
    partition.committedOffset = 990_000
    partition.endOffset = 1_000_500
    partition.beginningOffset = 0
    partition.clockMicros = now - 1_234_567
    partition.newestEventTimeMicros = now - 3_456_789
    partition.watermarkMicros = now - 8_456_789
    partition.deviceCount = 400
    partition.stateByteCount = 1_500_000
    partition.bufferedByteCount = 96_000
    return partition
  }
  for reason in ["truncated", "malformed", "wrong_type", "no_device"] {
    status.labelledTotals.append(
      .init(name: "dead_letters", labels: [.init("reason", reason)], value: 17))
  }
  status.totals = ["records_read": 123_456_789, "readings": 987_654_321, "firings": 1_234_567]
  status.endToEndSeconds.observe(2.5, times: 1_000_000)
  return status
}

func milliseconds(since start: Int64) -> Double {
  Double(MonotonicClock.nowNanos() - start) / 1e6
}

/// CPU seconds this process has used.
func cpuSeconds() -> Double {
  var now = timespec()
  _ = unsafe clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now)
  return Double(now.tv_sec) + Double(now.tv_nsec) / 1e9
}

/// Three digits behind the point.
func text(_ value: Double) -> String {
  let thousandths = Int((value * 1000).rounded())
  let rest = String(thousandths % 1000)
  return "\(thousandths / 1000).\(String(repeating: "0", count: 3 - rest.count))\(rest)"
}

func report(_ name: String, repetitionCount: Int, _ make: () -> [UInt8]) {
  var best = Double.infinity
  var bytes: [UInt8] = []
  for _ in 0..<repetitionCount {
    let start = MonotonicClock.nowNanos()
    bytes = make()
    best = min(best, milliseconds(since: start))
  }
  print("\(name): \(text(best)) ms, \(bytes.count) bytes")
}

/// Asks for a page on a connection of its own; the bytes of the answer, 0 where there was none.
func scrape(_ path: String, port: Int) -> Int {
  let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
  defer { close(descriptor) }
  var address = sockaddr_in()
  address.sin_family = sa_family_t(AF_INET)
  address.sin_port = in_port_t(port).bigEndian
  address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
  let connected = unsafe withUnsafePointer(to: &address) { pointer in
    unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
      unsafe connect(descriptor, pointer, socklen_t(MemoryLayout<sockaddr_in>.size))
    }
  }
  guard connected == 0 else { return 0 }
  let request = Array("GET \(path) HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".utf8)
  _ = unsafe send(descriptor, request, request.count, Int32(MSG_NOSIGNAL))
  var buffer = [UInt8](repeating: 0, count: 65_536)
  var total = 0
  while true {
    let count = unsafe recv(descriptor, &buffer, buffer.count, 0)
    if count <= 0 { return total }
    total += count
  }
}

/// One scrape after the other, each made anew.
func reportSequence(_ arguments: Arguments, _ status: PipelineStatus) async throws {
  var options = StatusServer.Options(host: "127.0.0.1", port: 0)
  options.renderingAgeMax = .zero
  let server = try await StatusServer.listen(options, log: Logger(label: "bench")) { status }
  let before = cpuSeconds()
  var times: [Double] = []
  for _ in 0..<arguments.repetitionCount {
    let start = MonotonicClock.nowNanos()
    precondition(scrape("/metrics", port: server.port) > 0, "a scrape has an answer")
    times.append(milliseconds(since: start))
  }
  let cpu = (cpuSeconds() - before) * 1000 / Double(times.count)
  times.sort()
  let median = times[times.count / 2]
  print(
    "scrape, made anew: median \(text(median)) ms, slowest \(text(times[times.count - 1])) ms, "
      + "\(text(cpu)) ms of CPU, client's included")
  await server.stop()
}

/// All at once, from a server as it is configured in service.
func reportCrowd(_ arguments: Arguments, _ status: PipelineStatus) async throws {
  let options = StatusServer.Options(host: "127.0.0.1", port: 0)
  let server = try await StatusServer.listen(options, log: Logger(label: "bench")) { status }
  let port = server.port
  let times = Monitor<[Double]>([])
  let before = cpuSeconds()
  let start = MonotonicClock.nowNanos()
  let threads = (0..<arguments.clientCount).map { _ in
    WorkerThread(name: "client") {
      let start = MonotonicClock.nowNanos()
      let count = scrape("/metrics", port: port)
      if count > 0 { times.update { $0.append(milliseconds(since: start)) } }
    }
  }
  for thread in threads { thread.join() }
  let wall = milliseconds(since: start)
  let cpu = (cpuSeconds() - before) * 1000
  let sorted = times.update { $0.sorted() }
  print(
    "\(sorted.count) of \(arguments.clientCount) scrapes at once: all within \(text(wall)) ms, "
      + "median \(text(sorted[sorted.count / 2])) ms, \(text(cpu)) ms of CPU, clients' included")
  await server.stop()
}

let arguments = Arguments(CommandLine.arguments)
let status = exampleStatus(partitionCount: arguments.partitionCount)
print("\(arguments.partitionCount) partitions")
report("/metrics", repetitionCount: arguments.repetitionCount) { MetricList.text(status) }
report("/status", repetitionCount: arguments.repetitionCount) {
  StatusDocument.value(status).bytes
}
let hash = XXHash64.hash(MetricList.text(status))
print("hash of /metrics: \(String(hash, radix: 16))")
try await reportSequence(arguments, status)
try await reportCrowd(arguments, status)
