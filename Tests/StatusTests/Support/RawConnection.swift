import Base
import Glibc

/// A TCP connection in plain system calls: what no well-behaved client library would send.
///
/// Its calls block; run them through `onThread`, for the server answers from the same small pool
/// of threads as the tests.
final class RawConnection: Sendable {
  struct Failure: Error {
    let call: String
    let code: Int32
  }

  private let descriptor: Int32

  init(port: Int, receiveBufferByteCount: Int32? = nil) throws {
    descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    guard descriptor >= 0 else { throw Failure(call: "socket", code: errno) }
    if var size = receiveBufferByteCount {
      _ = unsafe setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &size, 4)
    }
    var limit = timeval(tv_sec: 20, tv_usec: 0)
    let size = socklen_t(MemoryLayout<timeval>.size)
    _ = unsafe setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, size)
    _ = unsafe setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, size)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = in_port_t(port).bigEndian
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    let result = unsafe withUnsafePointer(to: &address) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
        unsafe connect(descriptor, pointer, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    guard result == 0 else { throw Failure(call: "connect", code: errno) }
  }

  init(socket path: String) throws {
    descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
    guard descriptor >= 0 else { throw Failure(call: "socket", code: errno) }
    var limit = timeval(tv_sec: 20, tv_usec: 0)
    let size = socklen_t(MemoryLayout<timeval>.size)
    _ = unsafe setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, size)
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    unsafe withUnsafeMutableBytes(of: &address.sun_path) {
      unsafe $0.copyBytes(from: Array(path.utf8))
    }
    let result = unsafe withUnsafePointer(to: &address) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
        unsafe connect(descriptor, pointer, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    guard result == 0 else { throw Failure(call: "connect", code: errno) }
  }

  deinit { close(descriptor) }

  /// Sends all of it; false when the other side does not want it any more.
  @discardableResult
  func send(_ text: String) -> Bool { send(Array(text.utf8)) }

  @discardableResult
  func send(_ bytes: [UInt8]) -> Bool {
    var sent = 0
    while sent < bytes.count {
      let rest = Array(bytes[sent...])
      let count = unsafe Glibc.send(descriptor, rest, rest.count, Int32(MSG_NOSIGNAL))
      if count <= 0 { return false }
      sent += count
    }
    return true
  }

  /// Nothing more will be sent; the other side may still.
  func finishSending() { shutdown(descriptor, Int32(SHUT_WR)) }

  /// One read; nil at the end, at a reset, and after 20 seconds of nothing.
  func receive(upTo count: Int = 65_536) -> [UInt8]? {
    var bytes = [UInt8](repeating: 0, count: count)
    let received = unsafe recv(descriptor, &bytes, count, 0)
    return received > 0 ? Array(bytes[..<received]) : nil
  }

  /// Everything until the other side closes.
  func receiveAll() -> String {
    var bytes: [UInt8] = []
    while let more = receive() { bytes += more }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// Sends a request that ends the connection, and reads the answer.
  static func exchange(
    _ method: String, _ path: String, port: Int, headers: String = ""
  ) throws -> HTTPAnswer {
    let connection = try RawConnection(port: port)
    connection.send("\(method) \(path) HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\(headers)\r\n")
    return try HTTPAnswer(connection.receiveAll())
  }
}

extension RawConnection {
  /// The same over a socket of this machine.
  static func exchange(_ method: String, _ path: String, socket: String) throws -> HTTPAnswer {
    let connection = try RawConnection(socket: socket)
    connection.send("\(method) \(path) HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    return try HTTPAnswer(connection.receiveAll())
  }
}

extension String {
  /// How often a text stands in it.
  func count(of text: String) -> Int {
    split(separator: text, omittingEmptySubsequences: false).count - 1
  }
}

/// A response taken apart.
struct HTTPAnswer: Sendable {
  struct Malformed: Error {
    let text: String
  }

  let code: Int
  /// By lower-case name.
  let headers: [String: String]
  let body: String

  init(_ text: String) throws {
    guard let end = text.firstRange(of: "\r\n\r\n") else { throw Malformed(text: text) }
    let lines = text[..<end.lowerBound].split(separator: "\r\n")
    guard let words = lines.first?.split(separator: " "), words.count > 1, let code = Int(words[1])
    else { throw Malformed(text: text) }
    self.code = code
    var headers: [String: String] = [:]
    for line in lines.dropFirst() {
      let parts = line.split(separator: ":", maxSplits: 1)
      guard parts.count == 2 else { throw Malformed(text: text) }
      headers[parts[0].lowercased()] = String(parts[1].drop { $0 == " " })
    }
    self.headers = headers
    body = String(text[end.upperBound...])
  }
}

/// Runs what blocks on a thread of its own.
func onThread<Result: Sendable>(
  _ body: @escaping @Sendable () throws -> Result
) async throws -> Result {
  try await withCheckedThrowingContinuation { continuation in
    _ = WorkerThread(name: "client") {
      continuation.resume(with: Swift.Result(catching: body))
    }
  }
}
