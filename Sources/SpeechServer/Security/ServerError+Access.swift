import AccessControl
import HTTPTypes

extension ServerError {
    /// Headers of an HTTP answer that tells this error.
    var accessHeaders: HTTPFields {
        var fields = HTTPFields()
        guard case .refused(let refusal) = self else { return fields }
        for (name, value) in refusal.headers {
            if let name = HTTPField.Name(name) { fields.append(HTTPField(name: name, value: value)) }
        }
        return fields
    }

    /// Seconds until it may be tried again.
    var retryAfter: Double? {
        if case .refused(let refusal) = self { return refusal.retryAfter }
        return nil
    }

    /// Whether a connection's key is of no use any more.
    var endsAccess: Bool {
        switch self {
        case .refused(.noCredentials), .refused(.invalidCredentials), .refused(.missingScope): true
        default: false
        }
    }
}
