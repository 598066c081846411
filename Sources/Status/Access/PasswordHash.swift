import CCrypt
import Glibc

/// Hashes of passwords as crypt(5) has them: bcrypt for those that are kept, made slow on purpose,
/// and a quick one for what never leaves the process.
package enum PasswordHash {
  /// bcrypt takes no more of a password into account.
  package static let passwordByteCountMax = 72
  /// 2^12 rounds: about a quarter of a second.
  private static let costDefault: UInt = 12

  /// A bcrypt hash with a salt from the system's source; nil where the library refuses. Blocks for
  /// a quarter of a second.
  package static func bcrypt(_ password: [UInt8]) -> String? {
    salt("$2b$", cost: costDefault).flatMap { hash(password, setting: $0) }
  }

  /// Whether this is the password of a hash. As slow as the hash wants it: 4 ms at a cost of 4,
  /// twice as much for each one more.
  static func matches(_ password: [UInt8], _ hash: String) -> Bool {
    guard let found = Self.hash(password, setting: hash) else { return false }
    return ConstantTime.isEqual(Array(found.utf8), Array(hash.utf8))
  }

  /// A setting for `hash` that no other process has: SHA-256 in the fewest rounds there are, which
  /// takes about a millisecond.
  static func quickSetting() -> String? { salt("$5$", cost: 1000) }

  /// The hash of a password under a setting, which may be a hash. Nil where it has a NUL or is
  /// longer than the library takes (512 bytes), or the setting is none.
  static func hash(_ password: [UInt8], setting: String) -> String? {
    guard !password.contains(0) else { return nil }
    let phrase = password.map { CChar(bitPattern: $0) } + [0]
    var data: UnsafeMutableRawPointer?
    var size: Int32 = 0
    defer {
      if let data = unsafe data {
        unsafe explicit_bzero(data, Int(size))
        unsafe free(data)
      }
    }
    guard let text = unsafe crypt_ra(phrase, setting, &data, &size) else { return nil }
    return unsafe String(cString: text)
  }

  private static func salt(_ prefix: String, cost: UInt) -> String? {
    var output = [CChar](repeating: 0, count: Int(CRYPT_GENSALT_OUTPUT_SIZE))
    guard
      unsafe crypt_gensalt_rn(prefix, cost, nil, 0, &output, Int32(output.count)) != nil
    else { return nil }
    return String(decoding: output.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
  }
}

/// Comparing without telling, by the time it takes, how much was right.
enum ConstantTime {
  /// Takes as long as `given` is long, whatever is in it.
  static func isEqual(_ given: [UInt8], _ expected: [UInt8]) -> Bool {
    var difference = UInt(bitPattern: given.count ^ expected.count)
    for (index, byte) in given.enumerated() {
      let other = expected.isEmpty ? 0 : expected[index % expected.count]
      difference |= UInt(byte ^ other)
    }
    return difference == 0
  }
}
