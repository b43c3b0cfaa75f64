package org.apache.catalina.cluster.session;

import java.io.Serializable;
import org.apache.catalina.cluster.Member;

/** A session message since 5.5.10. */
public final class SessionMessageImpl implements Serializable {
    private static final long serialVersionUID = 2727574238588481892L;

    private int mEvtType;
    private byte[] mSession;
    private String mSessionID;
    private Member mSrc;
    private String mContextName;
    private long serializationTimestamp;
    private String uniqueId;
    private int resend;
    private int compress;
    private boolean timestampSet;
}
