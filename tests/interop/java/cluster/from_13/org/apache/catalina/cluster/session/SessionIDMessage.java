package org.apache.catalina.cluster.session;

import java.io.Serializable;
import org.apache.catalina.cluster.Member;

/** A session id message since 5.5.13. */
public final class SessionIDMessage implements Serializable {
    private static final long serialVersionUID = -1070335831576319266L;

    private String orignalSessionID;
    private String backupSessionID;
    private String contextPath;
    private int messageNumber;
    private long timestamp;
    private Member address;
    private int resend;
    private int compress;
    private String host;
}
