import ArgumentParser
import Base
import Config
import Glibc
import Pipeline
import Status

/// `downlinkd tap`: rows of a running instance as they are made.
struct TapCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "tap", abstract: "Look on: readings, windows or anomalies as they are made.",
    discussion: """
      Shows rows of a running instance, a line each: JSON, or on a terminal text. Looking on \
      changes nothing and holds nothing up: what does not fit is left out, which is counted and \
      said. Rows are shown before they are committed. Patterns have * and ?.

        downlinkd tap --config /etc/downlinkd/downlinkd.yaml --device 'sat-1*' --count 10
        downlinkd tap --config downlinkd.yaml anomalies --severity critical --for 10m

      Exit codes: 0 done, 64 wrong usage, or refused by the instance, 69 nobody answers at the \
      admin socket, or the instance ended, 78 the configuration does not say where that is.
      """)

  @Argument(help: "What to show: readings, windows, anomalies.")
  var what = "readings"

  @Option(name: .long, help: "The configuration file of the instance, for its admin.socket.")
  var config: String?

  @Option(name: .long, help: "The admin socket of the instance.")
  var socket: String?

  @Option(name: .long, help: .init("Only rows of these sources.", valueName: "glob"))
  var source: String?

  @Option(name: .long, help: .init("Only rows of these devices.", valueName: "glob"))
  var device: String?

  @Option(name: .long, help: .init("Only these metrics.", valueName: "glob"))
  var metric: String?

  @Option(name: .long, help: .init("Only anomalies of these detectors.", valueName: "glob"))
  var detector: String?

  @Option(
    name: .long, help: .init("Only anomalies that are warning or critical.", valueName: "glob"))
  var severity: String?

  @Option(name: .long, help: "Stop after so many rows.")
  var count: Int?

  @Option(name: .customLong("for"), help: .init("Stop after this time.", valueName: "duration"))
  var duration: DurationArgument?

  @Option(name: .long, help: "Rows a second at most; the others are left out and counted.")
  var rate = TapRequest.rateDefault

  @Flag(name: .long, help: "Lines of JSON on a terminal as well.")
  var json = false

  func validate() throws {
    if (config == nil) == (socket == nil) {
      throw ValidationError("give either --config or --socket")
    }
    if let count, count < 1 { throw ValidationError("--count: expected 1 or more") }
    _ = try request()
  }

  private func request() throws -> TapRequest {
    var query = ["what": what, "rate": "\(rate)"]
    query["source"] = source
    query["device"] = device
    query["metric"] = metric
    query["detector"] = detector
    query["severity"] = severity
    do throws(TapRequest.Refusal) {
      return try TapRequest(query)
    } catch {
      throw ValidationError(error.sentence)
    }
  }

  func run() throws {
    let sockets = try AdminTargets(config: config, socket: socket)
    let request = try request()
    var fault = sockets.absence
    for (index, target) in sockets.targets.enumerated() {
      guard case .socket(let path) = target.place else { continue }
      do throws(TapConnection.Fault) {
        let connection = try TapConnection(socket: path, request: request)
        return try show(connection)
      } catch {
        switch error {
        case .refused(let sentence):
          complain(sentence)
          throw ExitCode(Exit.usage)
        // The best place has the best reason.
        case .unavailable(let reason): if index == 0 { fault = reason }
        }
      }
    }
    complain(fault)
    throw ExitCode(Exit.unavailable)
  }

  private func show(_ connection: TapConnection) throws(TapConnection.Fault) {
    let deadline = duration.map { MonotonicClock.nowNanos() + $0.micros * 1000 }
    let isText = !json && isatty(STDOUT_FILENO) == 1
    var shownCount = 0
    var leftOutCount: Int64 = 0
    defer {
      if leftOutCount > 0 {
        complain("\(leftOutCount) rows that were wanted are left out: --rate, or a slow reader")
      }
    }
    while shownCount < count ?? Int.max {
      switch try connection.next(until: deadline) {
      case .late: return
      case .end: throw .unavailable("the instance has ended the tap")
      case .line(let bytes):
        guard let row = try? JSONValue(parsing: bytes) else { continue }
        if let left = row["left_out"]?.int64Value {
          leftOutCount += left
          if isText { complain("… \(left) left out") }
          continue
        }
        let line = isText ? Array(TapText.line(row).utf8) : bytes
        guard Self.write(line + [UInt8(ascii: "\n")]) else { return }
        shownCount += 1
      }
    }
  }

  /// Whole, or false: whoever read it is gone.
  private static func write(_ bytes: [UInt8]) -> Bool {
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = unsafe rest.withUnsafeBytes {
        unsafe Glibc.write(STDOUT_FILENO, $0.baseAddress, $0.count)
      }
      if count < 0, errno == EINTR { continue }
      if count <= 0 { return false }
      rest = rest.dropFirst(count)
    }
    return true
  }
}
