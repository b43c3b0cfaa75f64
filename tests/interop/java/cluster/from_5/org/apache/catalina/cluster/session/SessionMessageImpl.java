package org.apache.catalina.cluster.session;

import java.io.Serializable;
import org.apache.catalina.cluster.Member;

/** A session message of 5.5.5. */
public final class SessionMessageImpl implements Serializable {
    private static final long serialVersionUID = -5310109269366189206L;

    private int mEvtType;
    private byte[] mSession;
    private String mSessionID;
    private Member mSrc;
    private String mContextName;
    private long serializationTimestamp;
    private String uniqueId;
}
