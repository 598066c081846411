import Base
import Glibc

/// The reader's side of a tap: a request over a socket of this machine, and its lines.
///
/// Its own few lines of HTTP/1.1 (RFC 9112), because the answer has no end and is read with a
/// deadline: chunks only, no redirects. Blocking; one thread.
final class TapConnection {
  /// Why there are no lines.
  enum Fault: Error, Equatable {
    /// Nobody answers there, or not as expected.
    case unavailable(String)
    /// The instance refuses the request.
    case refused(String)
  }

  private var descriptor: Int32 = -1
  private let place: String
  private var input: [UInt8] = []
  /// Bytes of the chunk at hand that are still to come.
  private var chunkByteCount = 0
  private var hasEnded = false
  private var line: [UInt8] = []

  /// Connects and asks; returns when the instance has begun to answer.
  init(socket path: String, request: TapRequest) throws(Fault) {
    place = path
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    let capacity = MemoryLayout.size(ofValue: address.sun_path)
    let name = Array(path.utf8)
    guard name.count < capacity else {
      throw .unavailable("\(path): longer than the \(capacity - 1) bytes of a socket's path")
    }
    unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: name) }
    descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    let connected = unsafe withUnsafePointer(to: &address) { address in
      unsafe address.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    guard descriptor >= 0, connected == 0 else {
      throw .unavailable("\(path): \(SystemFault.text(errno))")
    }
    try send("GET \(request.path) HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n\r\n")
    try readHead()
  }

  deinit { if descriptor >= 0 { close(descriptor) } }

  private func send(_ text: String) throws(Fault) {
    var rest = Array(text.utf8)[...]
    while !rest.isEmpty {
      let count = unsafe rest.withUnsafeBytes {
        unsafe Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
      }
      if count < 0 { throw .unavailable("\(place): \(SystemFault.text(errno))") }
      rest = rest.dropFirst(count)
    }
  }

  // MARK: - Reading

  /// Bytes of a head at most.
  private static let headByteCountMax = 16 << 10
  private static let answerMillis = 10_000

  private func readHead() throws(Fault) {
    let deadline = MonotonicClock.nowNanos() + Int64(Self.answerMillis) * 1_000_000
    var end: Int?
    while end == nil, input.count < Self.headByteCountMax {
      guard try fill(until: deadline) else {
        throw .unavailable("\(place): no answer within \(Self.answerMillis / 1000) s")
      }
      if hasEnded { throw .unavailable("\(place): closed without an answer") }
      end = Self.headEnd(input)
    }
    guard let end else { throw .unavailable("\(place): what answers there is no downlinkd") }
    let head = String(decoding: input[..<end], as: UTF8.self)
    input.removeFirst(end)
    let status = head.split(separator: " ").dropFirst().first
    if status == "200" { return }
    // A refusal is a sentence, in one piece.
    _ = try? fill(until: MonotonicClock.nowNanos() + 200_000_000)
    let sentence = String(decoding: input, as: UTF8.self)
      .split(separator: "\n").first.map(String.init) ?? "status \(status ?? "?")"
    throw .refused(PlainText.shown(sentence, countMax: 400))
  }

  private static func headEnd(_ input: [UInt8]) -> Int? {
    let mark = Array("\r\n\r\n".utf8)
    guard input.count >= mark.count else { return nil }
    return (0...input.count - mark.count).first { input[$0..<$0 + mark.count].elementsEqual(mark) }
      .map { $0 + mark.count }
  }

  /// Reads what there is; false when the deadline passed without a byte.
  private func fill(until deadline: Int64?) throws(Fault) -> Bool {
    while true {
      var millis: Int32 = -1
      if let deadline {
        let left = deadline - MonotonicClock.nowNanos()
        if left <= 0 { return false }
        millis = Int32(clamping: (left + 999_999) / 1_000_000)
      }
      var poll = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
      let ready = unsafe Glibc.poll(&poll, 1, millis)
      if ready < 0, errno == EINTR { continue }
      if ready == 0 { return false }
      var buffer = [UInt8](repeating: 0, count: 64 << 10)
      let count = unsafe recv(descriptor, &buffer, buffer.count, 0)
      if count < 0, errno == EINTR { continue }
      if count < 0 { throw .unavailable("\(place): \(SystemFault.text(errno))") }
      if count == 0 { hasEnded = true }
      input += buffer[..<count]
      return true
    }
  }

  /// What came of the next line.
  enum Next: Equatable {
    case line([UInt8])
    /// The deadline passed.
    case late
    /// The instance has ended the answer.
    case end
  }

  /// The next line that is not empty, without its line feed.
  ///
  /// - Parameter deadline: `MonotonicClock` nanoseconds; nil waits for ever.
  func next(until deadline: Int64?) throws(Fault) -> Next {
    while true {
      if let found = try takeLine() {
        if found.isEmpty { continue }
        return .line(found)
      }
      if hasEnded { return .end }
      if try !fill(until: deadline) { return .late }
    }
  }

  /// Takes bytes of chunks up to a line feed; nil where they do not reach.
  private func takeLine() throws(Fault) -> [UInt8]? {
    while true {
      if chunkByteCount == 0 {
        guard try beginChunk() else { return nil }
        continue
      }
      let available = input.prefix(chunkByteCount)
      if available.isEmpty { return nil }
      let feed = available.firstIndex(of: UInt8(ascii: "\n"))
      line += available[..<(feed ?? available.endIndex)]
      let taken = feed.map { $0 + 1 } ?? available.count
      input.removeFirst(taken)
      chunkByteCount -= taken
      if chunkByteCount == 0 { pendingBreak = true }
      if feed != nil {
        defer { line = [] }
        return line
      }
    }
  }

  /// Whether the line break behind a chunk is still to come.
  private var pendingBreak = false

  /// Reads the size of the next chunk; false where it is not there yet, or where there is none.
  private func beginChunk() throws(Fault) -> Bool {
    if hasEnded && input.isEmpty { return false }
    let skipped = pendingBreak ? 2 : 0
    guard input.count > skipped,
      let feed = input[skipped...].firstIndex(of: UInt8(ascii: "\n"))
    else { return false }
    let digits = input[skipped..<feed].prefix {
      $0 != UInt8(ascii: "\r") && $0 != UInt8(ascii: ";")
    }
    guard let size = Int(String(decoding: digits, as: UTF8.self), radix: 16), size >= 0 else {
      throw .unavailable("\(place): what answers there does not speak in chunks")
    }
    input.removeFirst(feed + 1)
    pendingBreak = false
    chunkByteCount = size
    if size == 0 { hasEnded = true }
    return size > 0
  }
}
