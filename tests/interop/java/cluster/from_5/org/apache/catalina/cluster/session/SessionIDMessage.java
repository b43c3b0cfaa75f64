package org.apache.catalina.cluster.session;

import java.io.Serializable;
import org.apache.catalina.cluster.Member;

/** A session id message of 5.5.5. */
public final class SessionIDMessage implements Serializable {
    private static final long serialVersionUID = -6140098522257962277L;

    private String orignalSessionID;
    private String backupSessionID;
    private String contextPath;
    private int messageNumber;
    private long timestamp;
    private Member address;
}
